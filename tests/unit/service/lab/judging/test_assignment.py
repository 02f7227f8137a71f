"""Who judges what: together the judges see every pair, all of them the overlap, and more queries move nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from service.lab.judged import LabDocument, LabQuery
from service.lab.judging.assignment import assigned
from service.lab.judging.pool import Pair

PAIRS = tuple(Pair(LabQuery(f"q{query}"), LabDocument(f"d{document}")) for query in range(60) for document in range(2))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.floats(0, 1), st.integers(0, 5))
def test_every_query_is_seen_by_one_judge_or_by_all(count: int, overlap: float, seed: int) -> None:
    judges = [f"judge{number}" for number in range(count)]
    seen = {name: assigned(PAIRS, name, judges, overlap=overlap, seed=seed) for name in judges}
    for query in {pair.query.id for pair in PAIRS}:
        own = [pair.ids for pair in PAIRS if pair.query.id == query]
        shares = [[pair.ids for pair in each if pair.query.id == query] for each in seen.values()]
        assert sorted(filter(None, shares)) in ([own], [own] * count)
    for name, each in seen.items():
        fewer = assigned(PAIRS[:40], name, judges, overlap=overlap, seed=seed)
        assert fewer == each[: len(fewer)]
    if overlap == 1.0:
        assert all(each == PAIRS for each in seen.values())


def test_the_share_of_the_overlap_is_as_asked() -> None:
    judges = ["anna", "bert"]
    for overlap, least, most in ((0.25, 7, 23), (0.0, 0, 0)):  # of 60 queries; 15 are expected
        anna, bert = (assigned(PAIRS, name, judges, overlap=overlap, seed=7) for name in judges)
        both = {pair.query.id for pair in anna} & {pair.query.id for pair in bert}
        assert least <= len(both) <= most
