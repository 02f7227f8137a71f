"""What is read from the search log: who was shown what at which rank, and what they did with it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.lab.clicks.asked_query import AskedQuery
from service.lab.clicks.click_log import MAX_RANKS, LeftOut, read_clicks
from service.lab.lab_errors import ClicksMissing
from service.search.online.log_reader import QueryLine
from tests.unit.service.lab.clicks.click_rows import Row, event, log_of, search


def test_impressions_are_what_was_shown_with_the_strongest_of_what_was_done(tmp_path: Path) -> None:
    rows: list[Row | str] = [
        event(1, "y", "purchase"),  # before its search, in an earlier file
        search(1, "xyz", shown=2, session="s"),
        event(1, "y"),
        event(1, "y", "purchase"),  # sent twice
        event(1, "z"),  # found, but not shown
        event(9, "x"),
        search(2, "vw", offset=2, session="s"),
        event(2, "v", "add_to_cart"),
        '{"kind": "search"',
    ]
    log = read_clicks(log_of(tmp_path, rows))
    assert (log.searches, len(log.pair), len(log.queries), len(set(log.users))) == (2, 4, 1, 1)
    assert [log.pair_product[pair] for pair in log.pair] == ["x", "y", "v", "w"]
    assert log.rank.tolist() == [0, 1, 2, 3] and log.lengths.tolist() == [2, 2]
    assert log.clicked.tolist() == [0, 1, 1, 0]
    assert log.had("purchase").tolist() == [0, 1, 0, 0] and log.had("add_to_cart").tolist() == [0, 0, 1, 0]
    counted = {why: count for why, count in log.left_out.items() if count}
    assert counted == {LeftOut.NOT_SHOWN: 1, LeftOut.UNKNOWN_SEARCH: 1} and log.damaged == 1


def test_what_does_not_count_is_counted(tmp_path: Path) -> None:
    rows = [
        search(1, "x", session="s", day=1),
        search(2, "x", day=9),
        search(3, "x", session="s", day=9, query={"text": None, "text_left_out": True, "image": "f" * 64}),
        search(4, "x", session="s", day=9, query={"text": " "}),
        search(5, "x", session="s", day=9),
        event(5, "x"),
    ]
    log = read_clicks(log_of(tmp_path, rows), since=datetime(2026, 1, 5, tzinfo=UTC), with_session=True)
    assert log.searches == 1
    assert log.left_out[LeftOut.EARLIER] == log.left_out[LeftOut.WITHOUT_SESSION] == 1
    assert log.left_out[LeftOut.QUERY_UNKNOWN] == 2


def test_a_log_without_clicks_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ClicksMissing, match="WITHTHIS_FEEDBACK"):
        read_clicks(log_of(tmp_path, [search(1, "xy"), event(1, "z")]))


def test_hostile_lines_cost_nothing(tmp_path: Path) -> None:
    rows = [
        search(1, "xyx", offset=10**18),
        event(1, "x"),
        search(2, "x", shown=10**12),
        search(3, "x") | {"shown": -1},
        search(4, "x", query={"text": "a", "images": [{"image": "h", "weight": 0}], "negative": {"text": "b"}}),
    ]
    log = read_clicks(log_of(tmp_path, rows))
    assert log.searches == 3 and log.damaged == 1
    assert log.rank.max() == MAX_RANKS - 1 and log.lengths.tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"text": "A  Mug "}, {"text": "a mug", "limit": 50, "sort": []}, True),
        ({"text": "caf\u00e9"}, {"text": "cafe\u0301"}, True),
        ({"text": "a mug"}, {"text": "a cup"}, False),
        ({"text": "a mug", "filter": {"price": {"lte": 9}}}, {"text": "a mug"}, False),
        ({"text": "a mug", "image": "h"}, {"text": "a mug"}, False),
        ({"image": "h"}, {"image": "h", "images": [{"image": "h", "weight": 3}]}, True),
        (
            {"images": [{"image": "h", "weight": 1}, {"image": "i", "weight": 2}]},
            {"images": [{"image": "h", "weight": 2}, {"image": "i", "weight": 4}]},
            True,
        ),
        ({"text": "a mug", "negative": {"text": "red", "weight": 0.5}}, {"text": "a mug"}, False),
    ],
)
def test_queries_are_the_same_if_the_same_is_wanted(one: object, other: object, same: bool) -> None:
    first, second = (AskedQuery.of(QueryLine.model_validate(query)) for query in (one, other))
    assert first is not None and second is not None
    assert (first.id == second.id) is same
