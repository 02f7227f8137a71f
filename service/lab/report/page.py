"""Assembles the report. Anything from a data set, a model or an experiment is escaped by the template."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from service.lab.composition import PARTS
from service.lab.measures import less_is_better
from service.lab.pool_bias import unfair
from service.lab.report.cases import best_and_worst, gains, shown_summary
from service.lab.report.plots import SERIES, Point, quality_against_latency, recall_curves, sorted_gains
from service.lab.report.thumbnails import Thumbnails
from service.lab.runner import Results
from service.lab.small_samples import SMALL
from service.lab.summary import Summary, recall_curve, recall_name, signed, small_sample
from service.search.pipeline import STAGES

_PACKAGES = ("withthis", "torch", "transformers", "numpy", "pymilvus", "ir-measures")
_MAX_CUTOFF = 50


def render_report(results: Results, summaries: Sequence[Summary]) -> str:
    """The whole page. Raises LabError where matplotlib is not installed."""
    measures = results.measures
    images = Thumbnails()
    shown = shown_summary(summaries, measures[0])
    best, worst = best_and_worst(results.data, shown, measures[0], images) if shown else ([], [])
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["signed"] = signed
    template = environment.from_string((files(__package__) / "template.html").read_text("utf-8"))
    return template.render(
        experiment=results.experiment,
        data=results.data,
        measures=measures,
        main=measures[0],
        summaries=summaries,
        series=len(SERIES),
        verdicts=[_verdict(one, measures[0]) for one in summaries if one.comparisons],
        stages=[stage for stage in STAGES if any(stage in one.latency for one in summaries)],
        priced=any(one.cost is not None for one in summaries),
        biased=any(one.bias for one in summaries),
        slices=_slices(summaries, measures),
        small=small_sample(len(summaries[0].scores.units), [one.comparisons.get(measures[0]) for one in summaries]),
        small_below=SMALL,
        composition=_composition(results, measures),
        unjudged=results.unjudged,
        unfair=unfair(results.data, {one.name: one.judged for one in summaries}),
        left_out=results.left_out,
        plots=_plots(results, summaries, measures),
        shown=shown,
        best=best,
        worst=worst,
        images={name: Markup(uri) for name, uri in images.uris.items()},  # base64 of our own making
        versions=_versions(),
    )


def _verdict(one: Summary, measure: str) -> dict[str, Any]:
    """Whether a configuration differs from the first one, in words that the numbers bear out."""
    found = one.comparisons[measure]
    word = "better" if found.is_better else "worse"
    if not found.is_significant:
        word = "no clear difference" if found.wins or found.losses else "no difference"
    return {"name": one.name, "word": word, "found": found, "missing": one.unanswered}


def _composition(results: Results, measures: Sequence[str]) -> dict[str, Any] | None:
    """The rows of the table, the gaps, and the share that one modality solves."""
    found, seed = results.composition, results.experiment.seed
    if found is None:
        return None
    names = {"text": "text alone", "image": "image alone", "both": "both"}
    return {
        "name": found.name,
        "rows": [(names[part], [found.estimate(part, name, seed) for name in measures]) for part in PARTS],
        "gaps": [(found.gap(name, seed), -1 if less_is_better(name) else 1) for name in measures],
        "solved": found.share_solved,
        "queries": len(found.both.units),
    }


def _plots(results: Results, summaries: Sequence[Summary], measures: Sequence[str]) -> dict[str, Any]:
    main, family = measures[0], recall_name(measures)
    cutoffs = list(range(1, min(_MAX_CUTOFF, *(one.answered.k for one in summaries)) + 1))
    points = [
        Point(number, one.latency["total"].p50, one.estimates[main]) for number, one in enumerate(summaries, start=1)
    ]
    curves = [recall_curve(results.data, one.answered, family, cutoffs) for one in summaries]
    changed = [(one, list(gains(one, main).values())) for one in summaries if one.reranking]
    limit = max((abs(gain) for _, each in changed for gain in each), default=0.0) or 1.0
    return {
        "latency": Markup(quality_against_latency(points, main)),
        "recall": Markup(recall_curves(curves, cutoffs, family)),
        "family": family,
        "gains": [
            {
                "name": one.name,
                "svg": Markup(sorted_gains(f"gain-{place}", each, limit)),
                "up": sum(gain > 0 for gain in each),
                "same": sum(gain == 0 for gain in each),
                "down": sum(gain < 0 for gain in each),
            }
            for place, (one, each) in enumerate(changed)
        ],
    }


def _slices(summaries: Sequence[Summary], measures: Sequence[str]) -> list[dict[str, Any]]:
    """A table for each kind of tag and each measure: a row for each tag, with the cells of every configuration."""
    return [
        {
            "kind": kind,
            "measure": measure,
            "sign": -1 if less_is_better(measure) else 1,
            "rows": _slice_rows(summaries, kind, measure),
        }
        for kind in summaries[0].slices
        for measure in measures
    ]


def _slice_rows(summaries: Sequence[Summary], kind: str, measure: str) -> list[dict[str, Any]]:
    rows = []
    for tag, first in summaries[0].slices[kind].items():
        found = [one.slices[kind][tag] for one in summaries]
        cells = [(each.estimates[measure], each.differences.get(measure)) for each in found]
        rows.append({"tag": tag, "size": first.size, "cells": cells})
    return rows


def _versions() -> dict[str, str]:
    """What the numbers were made with."""
    found = {"Python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    found["processors"] = str(os.cpu_count())
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
