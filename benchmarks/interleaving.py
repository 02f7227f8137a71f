"""`python -m benchmarks.interleaving`: how often an interleaved comparison finds what is there, and what is not.

Simulated users write a search log, which `service.search.online.report` reads. Of nine products, both orders begin with
the same two to five. Behind them both are in random order, but in three of ten searches a better B has the two
fitting products first. A user reads from the top and goes on with probability 0.8; a product of
the prefix is clicked with probability 0.5, a fitting one with 0.4, and any other with 0.05.

"before" reads the same log without the two orders, as earlier versions did: clicks on the prefix are credited. Power
is the share of comparisons with p < 0.05 where B is better, false alarms where it is not.

Heavy users: twenty users make half of the searches, and each has a taste for one of the sides that no order deserves;
counted by search, and by user.

Looks: units that neither side wins more often, looked at on each of so many days.

Late events: users who come back, and half of whose events arrive days later (20 on average), looked at daily through
the log as it was then. "p any time" must hold there, too.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.report import Report, Sheet, Value
from service.search.online.log_reader import SearchLog
from service.search.online.report import Preference, interleaving_report
from service.search.online.sign_test import sequential_p, sign_test_p
from service.search.online.team_draft import Draft, team_draft

PRODUCTS = 9
PREFIX = (2, 5)
READS_ON, PREFIX_CLICK, FITTING_CLICK, OTHER_CLICK = 0.8, 0.5, 0.4, 0.05
IMPROVED, HEAVY, ALPHA = 0.3, 20, 0.05
DAYS = (1, 14, 100)
UNITS_A_DAY = 30
LATE_LOOKS, LATE_DAYS = (14, 40), 20

Row = dict[str, Any]
_SIDE = {"engine": "e", "strategy": "listwise", "prompt": "p", "candidates": 9, "fusion_weight": 1.0}


def comparison(searches: int, chance: random.Random, *, better: bool, heavy: bool = False) -> Iterator[Row]:
    """The lines of one log."""
    tastes = [chance.choice("AB") for _ in range(HEAVY)]
    for number in range(searches):
        prefix = chance.randint(*PREFIX)
        improved = better and chance.random() < IMPROVED
        a, b = orders(prefix, chance, better=improved)
        draft = team_draft(a, b, f"{chance.random()}")
        user = chance.randrange(len(tastes)) if heavy and chance.random() < 0.5 else None
        yield _search(number, user, (a, b), draft)
        wanted = set(b[prefix : prefix + 2]) if improved else set(chance.sample(a[prefix:], 2))
        for place, product in enumerate(draft.order):
            rate = PREFIX_CLICK if place < prefix else FITTING_CLICK if product in wanted else OTHER_CLICK
            if user is not None and place >= prefix:  # nothing but the side counts for those
                rate = FITTING_CLICK if draft.teams[place] == tastes[user] else OTHER_CLICK
            if chance.random() < rate:
                yield _click(number, product)
            if chance.random() > READS_ON:
                break


def orders(prefix: int, chance: random.Random, *, better: bool) -> tuple[list[int], list[int]]:
    """Two orders that begin alike; `better`: behind that, B has two products first that A has anywhere."""
    tail = list(range(prefix, PRODUCTS))
    a, b = list(tail), list(tail)
    chance.shuffle(a)
    chance.shuffle(b)
    if better:
        fitting = chance.sample(tail, 2)
        b = fitting + [product for product in a if product not in fitting]
    return [*range(prefix), *a], [*range(prefix), *b]


def _search(number: int, user: int | None, sides: tuple[Sequence[int], Sequence[int]], draft: Draft) -> Row:
    a, b = ([str(product) for product in side] for side in sides)
    return {
        "kind": "search",
        "id": f"q{number}",
        "time": f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        "session": None if user is None else f"u{user}",
        "encoder": {"id": "e", "fingerprint": "f"},
        "a": {**_SIDE, "fusion_method": "rrf", "order": a},
        "b": {**_SIDE, "fusion_method": "scores", "order": b},
        "order": [str(product) for product in draft.order],
        "teams": "".join(draft.teams),
        "shown": PRODUCTS,
    }


def _click(number: int, product: int) -> Row:
    row = {"kind": "feedback", "time": "2026-01-02T00:00:00Z", "event": "click"}
    return {**row, "query_id": f"q{number}", "product_id": str(product)}


def as_before(row: Row) -> Row:
    """The line without the two orders, so that every product is credited."""
    return row | {side: {**row[side], "order": []} for side in ("a", "b")} if row["kind"] == "search" else row


def by_search(row: Row) -> Row:
    """The line without its user."""
    return row | {"session": None} if row["kind"] == "search" else row


def preference(rows: Sequence[Row]) -> Preference:
    """What the report says of clicks."""
    with tempfile.TemporaryDirectory() as folder:
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
        (Path(folder) / "log.jsonl").write_text(text, encoding="utf-8")
        (found,) = interleaving_report(SearchLog(Path(folder)), ("click",)).comparisons
    return found.preferences[0]


def credit_rows(repeats: int, searches: int) -> list[dict[str, Value]]:
    """Power and false alarms with credit for the prefix and without, and of both p values."""
    found: dict[bool, list[tuple[Preference, Preference]]] = {}
    for better in (True, False):
        logs = [list(comparison(searches, random.Random(f"{better} {n}"), better=better)) for n in range(repeats)]
        found[better] = [(preference([as_before(row) for row in log]), preference(log)) for log in logs]
    return [
        _credit_row("before: clicks on the prefix are credited", found, 0, any_time=False),
        _credit_row("now, p", found, 1, any_time=False),
        _credit_row("now, p any time", found, 1, any_time=True),
    ]


def _credit_row(
    name: str, found: dict[bool, list[tuple[Preference, Preference]]], place: int, *, any_time: bool
) -> dict[str, Value]:
    def share(better: bool) -> float:
        each = (pair[place] for pair in found[better])
        return float(np.mean([(one.p_any_time if any_time else one.p) < ALPHA for one in each]))

    return {"credit": name, "power": share(True), "false alarms": share(False)}


def user_rows(repeats: int, searches: int) -> list[dict[str, Value]]:
    """False alarms where users have tastes of their own."""
    logs = [list(comparison(searches, random.Random(f"h{n}"), better=False, heavy=True)) for n in range(repeats)]
    searched = [preference([by_search(row) for row in log]) for log in logs]
    voted = [preference(log) for log in logs]
    return [
        {"counted": "by search, p", "false alarms": float(np.mean([one.p < ALPHA for one in searched]))},
        {"counted": "by user, p", "false alarms": float(np.mean([one.p < ALPHA for one in voted]))},
        {"counted": "by user, p any time", "false alarms": float(np.mean([one.p_any_time < ALPHA for one in voted]))},
    ]


def look_rows(repeats: int) -> list[dict[str, Value]]:
    """False alarms by the number of looks, at least one of which found a difference."""
    coins = np.random.default_rng(11).random((repeats, max(DAYS) * UNITS_A_DAY)) < 0.5
    rows: list[dict[str, Value]] = []
    for days in DAYS:
        seen = coins[:, : days * UNITS_A_DAY]
        wins = np.cumsum(seen, axis=1)[:, UNITS_A_DAY - 1 :: UNITS_A_DAY]
        looks = [(day + 1) * UNITS_A_DAY for day in range(days)]
        signs = [any(sign_test_p(int(w), n - int(w)) < ALPHA for w, n in zip(run, looks, strict=True)) for run in wins]
        always = [sequential_p(list(run)) < ALPHA for run in seen]  # lowest after any unit, so at any look
        rows.append({"daily looks": days, "p": float(np.mean(signs)), "p any time": float(np.mean(always))})
    return rows


def late_comparison(chance: random.Random, days: int, users: int = 60) -> list[tuple[float, Row]]:
    """The lines of a log that neither side deserves to win, each with the day on which it is written."""
    lines: list[tuple[float, Row]] = []
    for number in range(users * 4):
        day = chance.uniform(0, days)
        order = [*range(PRODUCTS)]
        other = chance.sample(order, PRODUCTS)
        draft = team_draft(order, other, f"{chance.random()}")
        row = _search(number, number % users, (order, other), draft)
        lines.append((day, row | {"time": _on(day)}))
        for product in chance.sample(draft.order, chance.choice((0, 1, 1, 2, 3))):
            arrives = day + (
                chance.expovariate(1 / LATE_DAYS) if chance.random() < 0.5 else chance.uniform(0.0001, 0.01)
            )
            lines.append((arrives, _click(number, product) | {"time": _on(arrives)}))
    return lines


def _on(day: float) -> str:
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)).isoformat(timespec="milliseconds")


def late_rows(repeats: int) -> list[dict[str, Value]]:
    """False alarms where events arrive late, and users come back."""
    rows: list[dict[str, Value]] = []
    for days in LATE_LOOKS:
        alarms = {"p": 0, "p any time": 0}
        for number in range(repeats):
            lines = late_comparison(random.Random(f"late {number}"), days)
            begun = min(at for at, _ in lines)
            looks = [preference([row for at, row in lines if at <= day]) for day in range(1, days + 1) if begun <= day]
            alarms["p"] += any(one.p < ALPHA for one in looks)
            alarms["p any time"] += any(one.p_any_time < ALPHA for one in looks)
        rows.append({"daily looks": days, **{name: found / repeats for name, found in alarms.items()}})
    return rows


def measure(repeats: int, searches: int, look_repeats: int) -> Report:
    """Four tables."""
    shares = dict.fromkeys(("power", "false alarms", "p", "p any time"), ".1%")
    return Report(
        [
            Sheet(f"{repeats} comparisons of {searches} searches each", credit_rows(repeats, searches), shares),
            Sheet("Heavy users with tastes of their own, no order better", user_rows(repeats, searches), shares),
            Sheet(f"False alarms by looks, {look_repeats} comparisons", look_rows(look_repeats), shares),
            Sheet(f"Half of the events arrive days later, {2 * repeats} comparisons", late_rows(2 * repeats), shares),
        ]
    )


def main(
    repeats: Annotated[int, typer.Option(min=2, help="Simulated comparisons of each kind.")] = 200,
    searches: Annotated[int, typer.Option(min=10, max=80_000, help="Interleaved searches of each.")] = 1000,
    look_repeats: Annotated[int, typer.Option(min=2, help="Simulated comparisons that are looked at daily.")] = 2000,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    measure(repeats, searches, look_repeats).show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)
