"""`withthis clicks`: what users did, as judgments that every command of the lab reads, and as estimates of orders that
they have not seen.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from service.cli.clicks_tables import estimates_numbers, judgments_numbers, show_estimates, show_judgments
from service.cli.console import err, out, plain, progress
from service.cli.search_log_options import LogFolder, Since, in_utc
from service.cli.seed_option import Seed
from service.errors import InvalidInput
from service.lab.clicks.click_judgments import MIN_IMPRESSIONS, WEIGHTS, judge
from service.lab.clicks.click_log import ClickLog, read_clicks
from service.lab.clicks.counterfactual import RESAMPLES, Estimator
from service.lab.clicks.judged_folder import write_judgments
from service.lab.clicks.model_choice import ModelName, fit_model, perplexities
from service.lab.clicks.other_order import OtherOrder, run_order, sides
from service.lab.clicks.trust import general_doubts
from service.lab.trec import read_run
from service.search.online.log_reader import SearchLog
from service.wire.feedback import FEEDBACK_KINDS, FeedbackKind

NOTHING_INTERLEAVED = (
    "No search in this log was interleaved. Give runs of its queries, which `withthis evaluate` makes of the folder "
    "that `withthis clicks judgments` writes."
)

clicks = typer.Typer(name="clicks", help="Judgments and estimates out of what users clicked on.", no_args_is_help=True)

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
Runs = Annotated[
    list[Path] | None,
    typer.Argument(help="Runs in TREC format, of the queries in the folder of `withthis clicks judgments`."),
]
Event = Annotated[FeedbackKind | None, typer.Option(help="Count only these events. Default: products with any.")]
WithSession = Annotated[
    bool, typer.Option("--with-session", help="Leave out searches without a `session`, such as those of programs.")
]
Resamples = Annotated[int, typer.Option(min=50, max=10_000, help="How often users are drawn for the intervals.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@clicks.callback()
def _group() -> None:
    """Subcommands only."""


@clicks.command("judgments")
def judgments(
    log_folder: LogFolder,
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
    log = _read(log_folder, since, with_session=with_session)
    with err.status("fitting click models"):
        fitted = fit_model(log, model)
    judged = judge(log, fitted.found, weights=weights, min_impressions=min_impressions)
    with err.status("writing the data set"):
        written = write_judgments(folder, log, fitted, judged, products=products, query_images=query_images)
    if as_json:
        out.print_json(json.dumps(judgments_numbers(log, fitted, judged, written)))
    else:
        show_judgments(log, fitted, judged, written)
    err.print(f"Written: {plain(str(folder / 'judgments.qrels'))}", soft_wrap=True)


@clicks.command("estimate")
def estimate(
    log_folder: LogFolder,
    runs: Runs = None,
    *,
    event: Event = None,
    since: Since = None,
    with_session: WithSession = False,
    resamples: Resamples = RESAMPLES,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Estimate how often users would click if they were shown other orders, before anybody is shown them.

    Without runs: the orders of both sides of interleaved searches.
    """
    log = _read(log_folder, since, with_session=with_session, with_drafts=True).first_pages()
    named = [run_order(log, read_run(path), name) for name, path in _named(runs or []).items()]
    estimator = Estimator(log, event)
    orders: list[OtherOrder] = named or sides(log, estimator.drafted)
    if not orders:
        raise InvalidInput(NOTHING_INTERLEAVED)
    first = None if named else orders[0]
    with progress("resampling users") as tell:
        found = estimator.estimate(orders, against=first, resamples=resamples, seed=seed, tell=tell)
    general = list(general_doubts(estimator, perplexities(estimator.log)))
    against = None if first is None else first.name
    if as_json:
        out.print_json(json.dumps(estimates_numbers(found, estimator, general, against)))
    else:
        show_estimates(found, estimator, general, against)


def _named(runs: list[Path]) -> dict[str, Path]:
    """Runs by the names of their files, or by their paths where two files have the same name."""
    paths = list(dict.fromkeys(runs))
    names = [path.stem for path in paths]
    return dict(zip(names if len(set(names)) == len(names) else map(str, paths), paths, strict=True))


def _read(folder: Path, since: datetime | None, *, with_session: bool, with_drafts: bool = False) -> ClickLog:
    with err.status("reading the search log"):
        return read_clicks(SearchLog(folder), since=in_utc(since), with_session=with_session, with_drafts=with_drafts)


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
    if not any(weights.values()):
        raise InvalidInput("With these weights, nothing that users do is worth anything. Leave one --weight above 0.")
    return weights
