"""`python -m benchmarks.parser`: our parser on malformed answers, compared with scraping digits.

Scraping is how listwise rerankers for text read an answer (RankGPT, rank_llm, rerankers). What they do is rewritten
here: every run of digits in the text is a candidate's number, wherever it is; numbers that nobody has are dropped,
and the first place counts. Some then append the candidates that were not found, in retrieval order; others return what
was found. Both are measured. Digits that Python does not take for a number, such as ², and numbers of more than 4,300
digits raise ValueError, as they do in RankGPT; such an answer counts as neither complete nor right.

The answers are those of `benchmarks.malformed`: to us with letters, to the scraper with numbers. An order is right if
it is what a careful reader takes the answer to say, or the retrieval order where the answer says nothing. The ratio is
our time to that of scraping.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Annotated

import typer

from benchmarks.malformed import SIZES, Answer, Case, Order, corpus
from benchmarks.report import Report, Sheet, Value
from rerank.parser import parse_ranking
from rerank.ranking import Ranking

Read = Callable[[Answer, int], Order | None]
"""The order that an answer about n candidates is read as, None after an error."""

SHARE = ".1%"


def scrape(text: str, n: int) -> Order:
    """The candidates whose numbers, from 1, stand in the text. ValueError as the docstring of the module says."""
    runs = ("".join(run) for is_digit, run in groupby(text, str.isdigit) if is_digit)
    return tuple(dict.fromkeys(number - 1 for number in map(int, runs) if 0 < number <= n))


def ours(answer: Answer, n: int) -> Order | None:
    """The parser of the service."""
    return parse_ranking(answer.text, n, truncated=answer.truncated).order


def scraped(answer: Answer, n: int) -> Order | None:
    """What scraping finds."""
    try:
        return scrape(answer.text, n)
    except ValueError:
        return None


def completed(answer: Answer, n: int) -> Order | None:
    """The same with the other candidates behind it."""
    found = scraped(answer, n)
    return None if found is None else Ranking.completed(found, n).order


def row(kind: str, cases: Sequence[Case], rounds: int) -> dict[str, Value]:
    """One kind of answers, read in every way."""
    letters, numbers = [(case.letters, case.n) for case in cases], [(case.numbers, case.n) for case in cases]
    mine, theirs = microseconds(ours, letters, rounds), microseconds(completed, numbers, rounds)
    return {
        "answers": kind,
        "number": len(cases),
        "complete: ours": complete(ours, letters),
        "complete: scraping": complete(scraped, numbers),
        "complete: scraping, completed": complete(completed, numbers),
        "right: ours": right(ours, letters),
        "right: scraping, completed": right(completed, numbers),
        "µs: ours": mine,
        "µs: scraping": theirs,
        "ratio": mine / theirs,
    }


def complete(read: Read, asked: Sequence[tuple[Answer, int]]) -> float:
    """The share of answers read as an order that has every candidate once."""
    return sum(sorted(read(answer, n) or ()) == list(range(n)) for answer, n in asked) / len(asked)


def right(read: Read, asked: Sequence[tuple[Answer, int]]) -> float | None:
    """The share read as meant, of the answers whose meaning is clear."""
    clear = [(answer, n) for answer, n in asked if answer.wanted]
    return sum(read(answer, n) in answer.wanted for answer, n in clear) / len(clear) if clear else None


def microseconds(read: Read, asked: Sequence[tuple[Answer, int]], rounds: int) -> float:
    """For one answer, on average of the best round."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        for answer, n in asked:
            read(answer, n)
        best = min(best, time.perf_counter() - begin)
    return best / len(asked) * 1e6


def mean(rows: Sequence[dict[str, Value]]) -> dict[str, Value]:
    """Every kind counts the same; the ratio is that of the mean times."""
    means: dict[str, Value] = {"answers": "mean of the kinds"}
    for name in list(rows[0])[1:]:
        values = [value for one in rows if isinstance(value := one[name], int | float)]
        means[name] = sum(values) if name == "number" else sum(values) / len(values)
    mine, theirs = means["µs: ours"], means["µs: scraping"]
    assert isinstance(mine, float) and isinstance(theirs, float)
    return means | {"ratio": mine / theirs}


def measure(repeats: int, rounds: int, sizes: Sequence[int] = SIZES) -> Report:
    """A row for each kind."""
    kinds: dict[str, list[Case]] = {}
    for case in corpus(repeats=repeats, sizes=sizes):
        kinds.setdefault(case.kind, []).append(case)
    rows = [row(kind, cases, rounds) for kind, cases in kinds.items()]
    shares = [name for name in rows[0] if name.startswith(("complete", "right"))]
    title = f"Answers about {sizes[0]} to {sizes[-1]} candidates"
    return Report([Sheet(title, [*rows, mean(rows)], dict.fromkeys(shares, SHARE))])


def main(
    repeats: Annotated[int, typer.Option(min=1, help="Answers of a kind for each number of candidates.")] = 20,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds on the clock; the best one counts.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    measure(repeats, rounds).show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)
