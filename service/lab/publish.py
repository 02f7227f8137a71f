"""The output of an experiment: runs in TREC format, the numbers as JSON, and the report."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service.lab.comparison import Comparison
from service.lab.composition import PARTS
from service.lab.files import write_text
from service.lab.judged import Run
from service.lab.outcomes import final_run
from service.lab.pool_bias import unfair
from service.lab.report import csv_table, latex_table, render_report
from service.lab.runner import Results
from service.lab.submissions import submissions, write_submission
from service.lab.summary import Summary
from service.lab.trec import write_qrels, write_run


@dataclass(frozen=True)
class Written:
    """Where things are."""

    report: Path
    numbers: Path


def publish(results: Results, summaries: Sequence[Summary], folder: Path) -> Written:
    """Write `report.html`, `results.{json,csv,tex}` and `runs/`. Raises LabError where the disk fails."""
    publish_runs(results, folder)
    write_qrels(folder / "runs" / "judgments.qrels", results.data.require_judgments())
    written = Written(folder / "report.html", folder / "results.json")
    write_text(written.numbers, [json.dumps(numbers(results, summaries), indent=1, ensure_ascii=False)])
    write_text(folder / "results.csv", [csv_table(summaries)])
    write_text(folder / "results.tex", [latex_table(summaries, results.measures)])
    write_text(written.report, [render_report(results, summaries)])
    return written


def publish_runs(results: Results, folder: Path) -> list[Path]:
    """Write `runs/`, below it the orders of subsets and those for parts of composed queries, and `submissions/` where a
    server takes the answers to all queries; the latter's files.

    Raises LabError where the disk fails, and SubmissionError for answers that a server would refuse.
    """
    written = []
    for part, run in (results.composition.runs if results.composition else {}).items():
        write_run(folder / "runs" / "composition" / f"{part}.run", run)
    for place, one in enumerate(results.answered, start=1):
        name, run = f"{place:02}-{_slug(one.configuration.name)}", final_run(one.configuration.name, one.outcomes)
        write_run(folder / "runs" / f"{name}.run", run)
        if run.subsets:
            write_run(folder / "runs" / "subsets" / f"{name}.run", Run(run.name, run.subsets))
        for file, content in submissions(results.data, run).items() if results.experiment.queries is None else ():
            written.append(folder / "submissions" / name / file)
            write_submission(written[-1], content)
    return written


def numbers(results: Results, summaries: Sequence[Summary]) -> dict[str, Any]:
    """Everything that the table shows, and more of it, as plain values."""
    experiment = results.experiment
    return {
        "experiment": experiment.name,
        "data": {
            "name": results.data.name,
            "queries": len(results.data.queries),
            "documents": len(results.data.documents),
            "unjudged_queries": list(results.unjudged),
            "left_out": list(results.left_out),
            "note": results.data.protocol.note,
        },
        "seed": experiment.seed,
        "composition": _composition(results),
        "unfair_pool": [asdict(one) for one in unfair(results.data, {one.name: one.judged for one in summaries})],
        "configurations": [_configuration(one) for one in summaries],
    }


def _composition(results: Results) -> dict[str, Any] | None:
    """Text alone, image alone and both, by every measure."""
    found, seed = results.composition, results.experiment.seed
    if found is None:
        return None
    measures = results.measures
    parts: dict[str, Any] = {
        part: {name: asdict(found.estimate(part, name, seed)) for name in measures} for part in PARTS
    }
    gap = {name: asdict(found.gap(name, seed)) for name in measures}
    return {"retrieval_of": found.name, **parts, "gap": gap, "solved_by_one_modality": found.share_solved}


def _configuration(one: Summary) -> dict[str, Any]:
    return {
        "name": one.name,
        "answers_missing": one.unanswered,
        "settings": {name: str(value) for name, value in one.answered.configuration.chosen.items()},
        "key": one.answered.key,
        "encoder": one.answered.encoder,
        "k": one.answered.k,
        "measures": {measure: asdict(estimate) for measure, estimate in one.estimates.items()},
        "differences": {measure: _difference(comparison) for measure, comparison in one.comparisons.items()},
        "spread": {measure: asdict(found) for measure, found in one.spread.items()},
        "slices": {kind: {tag: asdict(found) for tag, found in tags.items()} for kind, tags in one.slices.items()},
        "unjudged_share": {f"@{depth}": 1 - share for depth, share in one.judged.items()},
        "before_reranking": {measure: one.retrieval.mean(measure) for measure in one.estimates},
        "latency_ms": {stage: asdict(latency) for stage, latency in one.latency.items()},
        "reranking": None if one.reranking is None else asdict(one.reranking),
        "position_bias": None if one.bias is None else asdict(one.bias),
        "cost_of_1000_queries": one.cost,
    }


def _difference(comparison: Comparison) -> dict[str, Any]:
    return {
        "to": comparison.baseline,
        "difference": comparison.difference,
        "low": comparison.low,
        "high": comparison.high,
        "p": comparison.p,
        "p_corrected": comparison.p_corrected,
        "detectable_difference": comparison.detectable,
        "wins": len(comparison.wins),
        "ties": len(comparison.ties),
        "losses": len(comparison.losses),
    }


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:60] or "run"
