"""`withthis judge --vlm`: a vision-language model grades the pairs, and its record is written like a person's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import typer

from rerank.engines.engine import Closable, Engine
from rerank.errors import RerankError
from rerank.prompts import PromptLibrary
from rerank.strategies.prompting import chosen_prompt
from service.cli.console import err, plain, progress
from service.errors import ConfigurationError
from service.lab.configuration import Configuration
from service.lab.experiment import Experiment
from service.lab.files import write_text
from service.lab.gallery import lab_limits
from service.lab.journal import Journal
from service.lab.judging.judges import read_judge
from service.lab.judging.model_judge import Brief, Judged, ModelJudge
from service.lab.judging.notes import Note, notes_path
from service.lab.judging.pool import Pair
from service.lab.lab_errors import LabError
from service.lab.models import engine_fingerprint
from service.lab.run_folder import RunFolder
from service.lab.runner import in_words_of_the_file
from service.lab.trec import write_qrels

NAME = "vlm"
_REMOTE = "openai-compatible"
_WHICH_MODEL = ("engine", "engine_model", "engine_path")


def judge_with_model(chosen: Experiment, pairs: Sequence[Pair], folder: Path, path: Path) -> None:
    """Grade the pairs, as far as they are not graded yet, into the record at `path`.

    Raises:
        ExperimentError: no model is named, or it cannot be loaded or used; another process works in the folder.
        LabError: the record is that of a person.
    """
    model = chosen.judging.model
    if model is None:
        raise chosen.fault(("judging",), "no model is named; say which engine judges, as `model: {engine: …}`")
    _check_record(path)
    _warn_of_own_results(chosen, model)
    with closing(RunFolder(folder)) as results_in:
        engine = _engine(model)
        try:
            brief, kept = _brief(chosen, model, engine), f"{engine_fingerprint(model)[:16]}.jsonl"
            with closing(Journal(results_in.cache / "grades" / kept)) as journal:
                judge = ModelJudge(engine, brief, journal, parallel=_parallel(model))
                judged = _judged(judge, pairs, path, engine.info.id)
        finally:
            if isinstance(engine, Closable):
                engine.close()
    _show(judged, len(pairs), path)
    if judged.stopped or not judged.verdicts:
        raise typer.Exit(1)


def _check_record(path: Path) -> None:
    """A person's grades are never overwritten."""
    if path.exists() and (known := read_judge(path)).grades and known.model is None:
        raise LabError(f"{path} is the record of a person. Choose another name for the model with --judge.")


def _warn_of_own_results(chosen: Experiment, model: Configuration) -> None:
    """LLM judges favor LLM rankers (Balog, Metzler and Qin, "Rankers, Judges, and Assistants", arXiv 2503.19092)."""
    same = [
        one.name
        for one in chosen.configurations
        if one.setup.reranks and all(one.measured[name] == model.measured[name] for name in _WHICH_MODEL)
    ]
    if same:
        named = plain(", ".join(same))
        err.print(f"[yellow]The same model reranks in {named}, and may prefer its own results.[/]", soft_wrap=True)


def _engine(model: Configuration) -> Engine:
    """The engine, which has to be one that follows instructions."""
    try:
        engine = model.setup.make.engine()
    except ConfigurationError as error:
        raise in_words_of_the_file(model, error) from error
    if "grade" not in engine.info.prompts:
        raise model.fault(("engine",), f"{engine.info.id} follows no instructions, so it cannot judge")
    return engine


def _brief(chosen: Experiment, model: Configuration, engine: Engine) -> Brief:
    judging = chosen.judging
    try:
        prompts = PromptLibrary.load(model.setup.prompts_dir)
        prompt = chosen_prompt(prompts, engine.info, "grade", judging.prompt)
    except RerankError as error:  # its text is our own
        raise chosen.fault(("judging", "prompt"), str(error)) from error
    if not judging.reasons and not engine.info.can_score:
        problem = f"{engine.info.id} has no scores of labels, so it must write its grades"
        raise chosen.fault(("judging", "reasons"), problem)
    limits = lab_limits(model.setup)
    return Brief(prompt, judging.scale, judging.guidelines, limits, judging.timeout_s, judging.reasons)


def _parallel(model: Configuration) -> int:
    """Calls at a time: a model server takes several, a model in this process one."""
    values = model.setup.values
    return int(str(values["engine_concurrency"])) if values["engine"] == _REMOTE else 1


def _judged(judge: ModelJudge, pairs: Sequence[Pair], path: Path, model: str) -> Judged:
    """What the model says; what it has said is written however this ends."""
    judged = Judged()
    with progress("looking up") as tell:
        pending = judge.recall(pairs, lambda done: tell(done, len(pairs)), judged)
    try:
        with progress("grading") as tell:
            judge.judge(pending, lambda done: tell(done, len(pending)), judged)
    finally:
        _write(judged, path, model)
    return judged


def _write(judged: Judged, path: Path, model: str) -> None:
    """The record: qrels, and the reasons as notes. Notes first, as they say that this is a model's. Without any grade,
    as when the model cannot be reached, the record of an earlier run stays.
    """
    if not judged.verdicts:
        return
    notes = [
        Note(query=query, document=document, grade=verdict.grade, note=verdict.reason, model=model)
        for (query, document), verdict in judged.verdicts.items()
    ]
    judgments: dict[str, dict[str, int]] = {}
    for note in notes:
        judgments.setdefault(note.query, {})[note.document] = note.grade or 0
    write_text(notes_path(path), (note.model_dump_json(exclude_none=True) for note in notes))
    write_qrels(path, judgments)


def _show(judged: Judged, pairs: int, path: Path) -> None:
    done = f"{len(judged.verdicts):,} of {pairs:,} pairs are graded, {judged.fresh:,} of them now"
    err.print(f"{done}, in {plain(path)}" if judged.verdicts else done, soft_wrap=True)
    for why, count in judged.missing.most_common():
        err.print(f"[yellow]No grade, as {why}: {count:,}[/]")
    if judged.last_error:
        err.print(f"The last error: {plain(judged.last_error)}", soft_wrap=True)
    if judged.stopped:
        err.print("[red]Nothing was answered any more, so the rest was not asked.[/]")
    if judged.missing:
        err.print("Run it again to ask for what is missing.")
    if judged.verdicts:
        err.print("`withthis agreement` says how far to trust it, once people have graded some pairs.", soft_wrap=True)
