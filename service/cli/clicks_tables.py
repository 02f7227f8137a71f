"""What `withthis clicks` found, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from service.cli.console import out, plain
from service.cli.row_tables import table
from service.lab.clicks.click_judgments import SHARES, ClickJudgments
from service.lab.clicks.click_log import ClickLog
from service.lab.clicks.counterfactual import Counterfactual, Estimator, Figure
from service.lab.clicks.judged_folder import WrittenJudgments
from service.lab.clicks.model_choice import FittedModel
from service.lab.clicks.trust import UNTOLD, doubts

NOTHING_JUDGED = (
    "Nothing was judged. Lower --min-impressions, or wait until queries have been asked more often; what was left out "
    "is counted above."
)


def judgments_numbers(
    log: ClickLog, fitted: FittedModel, judged: ClickJudgments, written: WrittenJudgments
) -> dict[str, object]:
    """As JSON."""
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
        "impressions_needed": judged.needed,
        "queries": written.queries,
        "judgments": written.judgments,
        "documents": written.documents,
        "omitted": written.omitted,
    }


def show_judgments(log: ClickLog, fitted: FittedModel, judged: ClickJudgments, written: WrittenJudgments) -> None:
    """As text."""
    out.print(
        f"{log.searches:,} searches of {len(set(log.users.tolist())):,} users: {len(log.pair):,} products shown, "
        f"{int(log.clicked.sum()):,} clicked.",
        soft_wrap=True,
    )
    told = "; ".join(f"{name} {value:.4f}" for name, value in fitted.perplexity.items())
    out.print(f"Click model: {fitted.name}{f' (perplexity on unseen users: {told})' if told else ''}", soft_wrap=True)
    shown = table("", "products", "of the best product's worth", rows="grade")
    for grade, share in enumerate((0.0, *SHARES)):
        shown.add_row(str(grade), f"{int((judged.grade == grade).sum()):,}", f"from {share:.0%}")
    out.print(shown)
    out.print(
        f"{written.judgments:,} judgments of {written.queries:,} queries are written"
        f"{f', with {written.documents:,} products' if written.documents else ''}."
    )
    _show_counts("Judged, but not written", written.omitted)
    _show_counts("Not counted", log.left_out)
    if log.damaged:
        out.print(f"Damaged lines skipped: {log.damaged:,}.")
    if judged.needed is not None:
        out.print(
            f"An interval as narrow as one grade takes about {judged.needed:,} impressions of a product.",
            soft_wrap=True,
        )
    if not written.judgments:
        out.print(f"[yellow]{NOTHING_JUDGED}[/]", soft_wrap=True)
    if fitted.separate_ranks > 1 and fitted.name == "position":
        out.print(f"[yellow]{UNTOLD}[/]", soft_wrap=True)


def _show_counts(what: str, counts: object) -> None:
    assert isinstance(counts, dict)
    told = ", ".join(f"{why.replace('_', ' ')} {number:,}" for why, number in counts.items() if number)
    if told:
        out.print(f"{what}: {told}.", soft_wrap=True)


def estimates_numbers(
    found: Sequence[Counterfactual], estimator: Estimator, general: Sequence[str], against: str | None
) -> dict[str, object]:
    """As JSON."""
    return {
        "searches": estimator.log.searches,
        "examination": estimator.examination.tolist(),
        "examination_by_chance": estimator.by_chance,
        "warnings": list(general),
        "orders": [asdict(one) | {"warnings": _doubts(one, estimator, against)} for one in found],
    }


def show_estimates(
    found: Sequence[Counterfactual], estimator: Estimator, general: Sequence[str], against: str | None
) -> None:
    """As text."""
    shown = table("", "IPS", "SNIPS", "difference", "covered", "clicks", rows="order")
    for one in found:
        shown.add_row(
            plain(one.name),
            _cell(one.ips),
            _cell(one.snips),
            "" if one.name == against else _signed_cell(one.difference),
            f"{one.covered:.0%}",
            f"{one.effective_clicks:,.0f}",
        )
    out.print(shown)
    for text in general:
        out.print(f"[yellow]{plain(text)}[/]", soft_wrap=True)
    for one in found:
        for text in _doubts(one, estimator, against):
            out.print(f"[yellow]{plain(one.name)}: {plain(text)}[/]", soft_wrap=True)
    source = "interleaved searches, in which coins move products" if estimator.by_chance else "all searches"
    held = "what was logged" if against is None else against
    out.print(
        f"[dim]Events a search, of {estimator.log.searches:,} searches. Intervals: 95 %, over users. How often a "
        f"position is looked at is estimated from {source}. Difference: of SNIPS, to {held}. Clicks: as many of equal "
        "weight would know as much.[/]"
    )


def _doubts(one: Counterfactual, estimator: Estimator, against: str | None) -> list[str]:
    """Sides are about interleaved searches, and a run is about all."""
    return list(doubts(one, one.searches if against else estimator.log.searches))


def _cell(figure: Figure) -> str:
    return f"{figure.value:.3f}\n[dim]{figure.low:.3f}–{figure.high:.3f}[/]"


def _signed_cell(figure: Figure) -> str:
    return f"{figure.value:+.3f}\n[dim]{figure.low:+.3f}…{figure.high:+.3f}[/]"
