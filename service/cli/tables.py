"""A search answer as a terminal table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from service.cli.console import plain
from service.wire.search import RefinedOut, ResultOut, SearchOut
from service.wire.understood import describe


def show_answer(console: Console, answer: SearchOut) -> None:
    """The facts about the query, then the order before and after reranking, side by side."""
    for name, value in _facts(answer):
        console.print(f"[dim]{name:>8}[/]  {plain(value)}", soft_wrap=True)
    console.print(_table(answer) if answer.results else "Nothing in the catalog matches.")


def _facts(answer: SearchOut) -> list[tuple[str, str]]:
    report = answer.rerank
    times = ", ".join(f"{stage} {ms:.0f}" for stage, ms in answer.timings_ms.items())
    facts = [
        ("caption", answer.query.caption),
        ("read", describe(answer.understood) if answer.understood else None),
        ("reason", report.reason),
        ("engine", f"{report.engine}, {report.strategy}, {report.prompt}: {report.fault}" if report.applied else None),
        ("refined", _refined(report.refined) if report.refined else None),
        ("degraded", report.degraded),
        ("ms", times),
    ]
    return [(name, value) for name, value in facts if value]


def _refined(refined: RefinedOut) -> str:
    return f"{refined.new} new" if refined.applied else f"no: {refined.degraded}"


def _table(answer: SearchOut) -> Table:
    table = Table(title=_title(answer), title_justify="left")
    retrieved = sorted(answer.results, key=lambda result: result.retrieval_rank)
    table.add_column("#", justify="right")
    if answer.rerank.applied:
        table.add_column("as retrieved")
        table.add_column("after reranking", style="bold")
        table.add_column("was", justify="right")
    else:
        table.add_column("product", style="bold")
    table.add_column("similarity", justify="right")
    table.add_column("reranker", justify="right")
    table.add_column("price", justify="right")
    for before, now in zip(retrieved, answer.results, strict=True):
        table.add_row(*_row(before, now, answer.rerank.applied))
    return table


def _title(answer: SearchOut) -> str:
    if answer.rerank.applied:
        return "reranked"
    ranks = [result.retrieval_rank for result in answer.results]
    return "sorted" if answer.sorted else "in retrieval order" if ranks == sorted(ranks) else "rearranged"


def _row(before: ResultOut, now: ResultOut, reranked: bool) -> list[str]:
    product, scores = now.product, now.scores
    names = [_name(before), _name(now), str(now.retrieval_rank)] if reranked else [_name(now)]
    return [
        str(now.rank),
        *names,
        f"{scores.retrieval:.3f}",
        "" if scores.rerank is None else f"{scores.rerank:.3f}",
        "" if product.price is None else f"{product.price:.2f}",
    ]


def _name(result: ResultOut) -> str:
    others = result.group.count - 1 if result.group else 0
    name = f"{result.product.title} ({result.product.id})"
    return plain(f"{name} and {others} more of its group" if others else name)
