"""The report of an interleaved comparison: who is credited, what does not count, and what it finds to be better."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from service.cli import app
from service.errors import InvalidInput
from service.search.online.log_reader import SearchLog
from service.search.online.report import Preference, Report, Unused, interleaving_report
from service.search.online.sign_test import sequential_p
from service.search.online.team_draft import team_draft

A = {
    "engine": "e",
    "strategy": "listwise",
    "prompt": "rank@1",
    "candidates": 9,
    "fusion_weight": 1.0,
    "fusion_method": "rrf",
}
RETRIEVAL = dict.fromkeys(A)
Row = dict[str, object]


def search(
    id: str,
    order: str,
    teams: str | None,
    *,
    shown: int = 9,
    day: int = 1,
    b: Row | None = None,
    orders: tuple[str, str] = ("", ""),
    session: str | None = None,
) -> Row:
    return {
        "kind": "search",
        "id": id,
        "time": f"2026-01-{day:02}T12:00:00.000+00:00",
        "encoder": {"id": "starter", "fingerprint": "f"},
        "session": session,
        "a": {**A, "order": list(orders[0])},
        "b": {**(b or RETRIEVAL), "order": list(orders[1])} if teams else None,
        "order": list(order),
        "teams": teams,
        "shown": shown,
    }


def event(query: str, product: str, kind: str = "click", *, second: int = 0) -> Row:
    return {
        "kind": "feedback",
        "time": f"2026-01-20T12:00:{second:02}+00:00",
        "query_id": query,
        "product_id": product,
        "event": kind,
    }


def report(folder: Path, rows: Sequence[Row | str], *, files: int = 2, since: datetime | None = None) -> Report:
    folder.mkdir(exist_ok=True)
    for number in range(files):
        mine = [row if isinstance(row, str) else json.dumps(row) for row in rows[number::files]]
        (folder / f"{number}.jsonl").write_text("".join(f"{line}\n" for line in mine), encoding="utf-8")
    return interleaving_report(SearchLog(folder), since=since)


ROWS = [
    search("q1", "wxyz", "ABBA"),
    search("q2", "wxyz", "BABA"),
    search("q3", "wxyz", "ABAB", shown=2),
    search("q4", "wxyz", None),
    search("q5", "wxyz", "ABAB"),
    event("q1", "x"),
    event("q1", "y"),
    event("q1", "w"),  # B by two to one
    event("q1", "x", second=9),  # again
    event("q2", "w", "purchase"),
    event("q2", "w"),
    event("q2", "x"),  # a tie
    event("q3", "z"),  # found, but not shown
    event("q3", "w"),
    event("q4", "w"),  # not interleaved
    event("q9", "w"),  # nobody knows
]


def clicks(found: Report) -> Preference:
    return found.comparisons[0].preferences[0]


def test_events_are_credited_to_who_picked_the_product_and_the_rest_is_counted(tmp_path: Path) -> None:
    found = report(tmp_path, ROWS)
    assert (found.searches, found.events, found.damaged) == (5, 11, 0)
    click, cart, purchase = found.comparisons[0].preferences
    assert (click.wins_a, click.wins_b, click.ties) == (1, 1, 1)
    assert (cart.wins_a, cart.wins_b, cart.ties, cart.share_b) == (0, 0, 0, None)
    assert (purchase.wins_a, purchase.wins_b, purchase.share_b) == (0, 1, 1.0)
    assert found.unused == {
        Unused.REPEATED: 1,
        Unused.UNKNOWN_QUERY: 1,
        Unused.EARLIER: 0,
        Unused.NOT_INTERLEAVED: 1,
        Unused.NOT_SHOWN: 1,
        Unused.COMMON_PREFIX: 0,
    }


def test_what_both_orders_begin_with_counts_for_neither(tmp_path: Path) -> None:
    """Eight users click on rank 1, which is first in both orders; one clicks on what the orders disagree about."""
    orders = ("wxyz", "wzyx")
    rows = [search(f"q{n}", "wxzy" if n % 2 else "wzxy", "ABBA" if n % 2 else "BBAA", orders=orders) for n in range(8)]
    rows += [event(f"q{n}", "w") for n in range(8)]
    found = report(tmp_path / "log", rows)
    click = clicks(found)
    assert (click.wins_a, click.wins_b, click.ties, click.searches) == (0, 0, 0, 0)
    assert found.unused[Unused.COMMON_PREFIX] == 8 and click.share_b is None
    assert clicks(report(tmp_path / "other", [*rows, event("q0", "z")])).wins_b == 1


def test_a_user_has_one_vote_and_a_search_without_a_session_is_a_user(tmp_path: Path) -> None:
    heavy = [search(f"h{n}", "xy", "AB", session="heavy") for n in range(5)]
    rows = [*heavy, search("q1", "xy", "AB", session="s"), search("q2", "xy", "AB"), search("q3", "xy", "AB")]
    rows += [event(f"h{n}", "x" if n else "y") for n in range(5)]  # four of five for A
    rows += [event("q1", "y"), event("q2", "y"), event("q3", "y")]
    click = clicks(report(tmp_path, rows))
    assert (click.wins_a, click.wins_b, click.ties, click.searches) == (1, 3, 0, 8)


def test_a_file_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    expected = report(tmp_path, ROWS)
    for path in list(tmp_path.iterdir()):
        (tmp_path / f"copy-{path.name}").write_bytes(path.read_bytes())
    assert interleaving_report(SearchLog(tmp_path)) == expected


def test_the_first_event_of_each_user_makes_the_sequence_of_the_test_for_any_time(tmp_path: Path) -> None:
    rows = [search(f"q{n}", "xy", "AB", day=n + 1, session=f"s{n % 20}") for n in range(28)]
    early = [event(f"q{n}", "y", second=n) for n in range(20)]  # all begin with B
    late = [event(f"q{n}", "x", second=n) for n in range(20, 28)] + [
        event("q0", "x", second=50)
    ]  # nine turn to A later
    seen, click = clicks(report(tmp_path / "then", rows + early)), clicks(report(tmp_path / "now", rows + early + late))
    assert (click.wins_a, click.wins_b, click.ties) == (1, 12, 7)
    assert click.p_any_time == seen.p_any_time == sequential_p([True] * 20) < 0.001


@settings(max_examples=15, deadline=None)
@given(st.permutations(ROWS), st.integers(1, 4))
def test_the_order_of_lines_and_files_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], files: int
) -> None:
    expected = report(tmp_path_factory.mktemp("a"), ROWS)
    assert report(tmp_path_factory.mktemp("b"), rows, files=files) == expected


def test_lines_that_are_none_are_passed_over(tmp_path: Path) -> None:
    torn = ["", "{}", "[1]", '{"kind":"search"', '{"kind": "feedback", "event": "stare"}', "\x00\ud7ff"]
    found = report(tmp_path, [*ROWS, *torn])
    assert found.damaged == len(torn) and clicks(found).ties == 1


def test_earlier_searches_are_left_out_with_their_events(tmp_path: Path) -> None:
    rows = [search("old", "xy", "AB", day=2), search("new", "xy", "AB", day=9), event("old", "x"), event("new", "y")]
    found = report(tmp_path, rows, since=datetime(2026, 1, 5, tzinfo=UTC))
    assert (found.searches, clicks(found).wins_a, clicks(found).wins_b) == (1, 0, 1)
    assert found.unused[Unused.EARLIER] == 1


def test_two_comparisons_in_one_log_are_told_apart(tmp_path: Path) -> None:
    rows = [
        search("q1", "xy", "AB", b={**A, "fusion_weight": 0.5}),
        search("q2", "xy", "AB"),
        search("q3", "xy", "AB"),
        event("q1", "x"),
        event("q2", "y"),
    ]
    one, other = report(tmp_path, rows).comparisons
    assert (one.searches, one.pair.b.name, one.preferences[0].wins_b) == (2, "retrieval", 1)
    assert (other.searches, other.preferences[0].wins_a) == (1, 1) and "weight 0.5" in other.pair.b.name


def test_a_folder_without_a_log_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no search log"):
        SearchLog(tmp_path)


@pytest.mark.parametrize(("better", "significant"), [("B", True), (None, False)])
def test_users_who_click_what_fits_show_which_order_is_better(
    tmp_path: Path, better: str | None, significant: bool
) -> None:
    """A user reads from the top and clicks a fitting product, and now and then another one. B puts what fits first."""
    chance, rows = random.Random(5), []
    for number in range(150):
        fitting = set(chance.sample(range(8), 2))
        a, b = list(range(8)), list(range(8))
        chance.shuffle(a)
        chance.shuffle(b)
        if better:
            b.sort(key=lambda item: item not in fitting)
        draft = team_draft(a, b, f"q{number}")
        rows.append(search(f"q{number}", "".join(map(str, draft.order)), "".join(draft.teams)))
        seen = draft.order[: chance.randint(1, 5)]
        rows += [event(f"q{number}", f"{item}") for item in seen if chance.random() < (0.8 if item in fitting else 0.1)]
    found = clicks(report(tmp_path, rows))
    assert (found.p < 0.001) == significant and (found.p > 0.05) != significant
    assert (found.p_any_time < 0.01) == significant
    low, high = found.interval
    assert found.share_b is not None and low < found.share_b < high and (low > 0.5) == significant


def test_the_command_prints_a_table_or_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    report(tmp_path, [*ROWS, "torn"])

    def run(*words: str) -> str:
        return CliRunner().invoke(app, ["interleave", "report", str(tmp_path), *words], catch_exceptions=False).output

    table = " ".join(run().split())
    assert "…" not in table and "add to cart" in table
    assert "e, listwise, rank@1, 9 candidates, weight 1 (rrf)" in table and "B retrieval" in table
    assert "4 interleaved searches" in table and "not shown 1" in table and "Damaged lines skipped: 1" in table
    found = json.loads(run("--json", "--event", "purchase", "--since", "2026-01-01"))
    assert [one["wins_b"] for one in found["comparisons"][0]["preferences"]] == [1]
    assert found["events"] == 1 and found["comparisons"][0]["preferences"][0]["event"] == "purchase"
    assert json.loads(run("--json", "--since", "2026-02-01"))["comparisons"] == []
    assert "No search in this log" in run("--since", "2026-02-01")


def test_the_plan_says_how_many_users_it_takes() -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["interleave", "plan", *words])

    assert json.loads(run("--share", "0.6", "--decided", "0.1", "--json").output)["users"] == 1970
    assert "about 197 users that one side wins, so 1,970" in " ".join(
        run("--share", "0.6", "--decided", "0.1").output.split()
    )
    assert isinstance(run("--share", "0.5").exception, InvalidInput)
