"""`withthis clicks`: what users did, as judgments that every command of the lab reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from service.cli.console import err, out, plain
from service.errors import InvalidInput
from service.lab.clicks.click_judgments import MIN_IMPRESSIONS, WEIGHTS, ClickJudgments, judge
from service.lab.clicks.click_log import ClickLog, read_clicks
from service.lab.clicks.judged_folder import WrittenJudgments, write_judgments
from service.lab.clicks.model_choice import FittedModel, ModelName, fit_model
from service.search.online.log_reader import SearchLog
from service.wire.feedback import FEEDBACK_KINDS, FeedbackKind

clicks = typer.Typer(name="clicks", help="Judgments out of what users clicked on.", no_args_is_help=True)

Folder = Annotated[
    Path, typer.Argument(help="The folder named by WITHTHIS_SEARCH_LOG, with the logs of all processes.")
]
Out = Annotated[Path, typer.Option("--out", help="Folder to write: a data set of kind jsonl.")]
Model = Annotated[
    ModelName | None,
    typer.Option(help="Click model. Default: position or cascade, whichever better predicts unseen users."),
]
MinImpressions = Annotated[int, typer.Option(min=1, help="Products shown less often for a query are not judged.")]
Weight = Annotated[
    list[str] | None,
    typer.Option(help="EVENT=NUMBER, what an event is worth beside the others. Can be repeated."),
]
Products = Annotated[
    Path | None,
    typer.Option(help="The catalog, as written by `withthis export FILE --images`: the documents of the data set."),
]
QueryImages = Annotated[
    Path | None,
    typer.Option(help="Folder of images that users searched with: the log has only their hashes."),
]
Since = Annotated[datetime | None, typer.Option(help="Leave out searches before this time (UTC): 2026-01-31.")]
WithSession = Annotated[
    bool, typer.Option("--with-session", help="Leave out searches without a `session`, such as those of programs.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]


@clicks.callback()
def _group() -> None:
    """Subcommands only."""


@clicks.command("judgments")
def judgments(
    log_folder: Folder,
    folder: Out,
    *,
    model: Model = None,
    min_impressions: MinImpressions = MIN_IMPRESSIONS,
    weight: Weight = None,
    products: Products = None,
    query_images: QueryImages = None,
    since: Since = None,
    with_session: WithSession = False,
    as_json: AsJson = False,
) -> None:
    """Grade products by what users did with them, corrected for the position at which they saw them."""
    weights = _weights(weight or [])
    start = since.replace(tzinfo=UTC) if since is not None else None
    log = read_clicks(SearchLog(log_folder), since=start, with_session=with_session)
    fitted = fit_model(log, model)
    judged = judge(log, fitted.found, weights=weights, min_impressions=min_impressions)
    written = write_judgments(folder, log, fitted, judged, products=products, query_images=query_images)
    if as_json:
        out.print_json(json.dumps(_numbers(log, fitted, judged, written)))
    else:
        _show(log, fitted, written)
    err.print(f"Written: {plain(str(folder / 'judgments.qrels'))}", soft_wrap=True)


def _weights(given: list[str]) -> dict[FeedbackKind, float]:
    """The weights, with those given. Raises InvalidInput."""
    weights = dict(WEIGHTS)
    for one in given:
        kind, _, number = one.partition("=")
        found: FeedbackKind | None = next((known for known in FEEDBACK_KINDS if known == kind.strip()), None)
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if found is None or not 0 <= value <= 1e6:
            raise InvalidInput(
                f"--weight {plain(one)} is not EVENT=NUMBER. Events: {', '.join(FEEDBACK_KINDS)}; such as purchase=6."
            )
        weights[found] = value
    return weights


def _numbers(
    log: ClickLog, fitted: FittedModel, judged: ClickJudgments, written: WrittenJudgments
) -> dict[str, object]:
    return {
        "searches": log.searches,
        "impressions": len(log.pair),
        "clicks": int(log.clicked.sum()),
        "users": len(set(log.users.tolist())),
        "left_out": log.left_out,
        "damaged_lines": log.damaged,
        "model": fitted.name,
        "parameters": fitted.parameters,
        "perplexity": fitted.perplexity,
        "separate_ranks": fitted.separate_ranks,
        "judged_pairs": int(judged.judged.sum()),
        "queries": written.queries,
        "judgments": written.judgments,
        "documents": written.documents,
        "omitted": written.omitted,
    }


def _show(log: ClickLog, fitted: FittedModel, written: WrittenJudgments) -> None:
    out.print(
        f"{log.searches:,} searches of {len(set(log.users.tolist())):,} users showed {len(log.pair):,} products, "
        f"{int(log.clicked.sum()):,} of which were clicked.",
        soft_wrap=True,
    )
    out.print(f"{written.judgments:,} judgments of {written.queries:,} queries, by the model {fitted.name}.")
