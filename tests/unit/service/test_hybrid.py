"""Hybrid search: fusion by ranks, and what both legs say of each product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import TitleSearchUnavailable
from service.hybrid import HybridHit, fuse_ranks, hybrid_search, shared_ranks
from service.retrieval_types import HybridOptions
from service.stores.base import TitleMatch
from service.stores.exact import ExactStore
from service.stores.filters import Filter, parse_filter
from tests.fakes import MemoryStore
from tests.integration.records import INFO, record, unit

_SCORES = st.dictionaries(st.text(max_size=3), st.sampled_from([0.0, 0.5, 1.0, 2.0, 7.25]), max_size=12)


@given(_SCORES)
def test_a_shared_rank_is_one_more_than_the_number_of_better_ones(scores: dict[str, float]) -> None:
    ranks = shared_ranks(scores)
    assert ranks == {id: 1 + sum(other > score for other in scores.values()) for id, score in scores.items()}


@given(_SCORES, _SCORES, st.floats(0, 1), st.integers(1, 1000))
def test_fusion_holds_every_candidate_once_and_never_rewards_a_worse_place(
    one: dict[str, float], two: dict[str, float], weight: float, k: int
) -> None:
    ranks = shared_ranks(one), shared_ranks(two)
    fused = fuse_ranks(ranks, (1 - weight, weight), k)
    assert fused.keys() == one.keys() | two.keys()
    assert all(0 <= score <= 1 / (k + 1) + 1e-12 for score in fused.values())
    for a in one.keys() & two.keys():
        for b in one.keys() & two.keys():
            if ranks[0][a] <= ranks[0][b] and ranks[1][a] <= ranks[1][b]:
                assert fused[a] >= fused[b]


@given(_SCORES, st.integers(1, 100))
def test_a_weight_of_zero_keeps_the_order_of_the_other_leg(scores: dict[str, float], k: int) -> None:
    ranks = shared_ranks(scores)
    fused = fuse_ranks((ranks, shared_ranks({id: -score for id, score in scores.items()})), (1.0, 0.0), k)
    assert sorted(fused, key=lambda id: -fused[id]) == sorted(fused, key=lambda id: ranks[id])


def test_published_example() -> None:
    """Cormack et al.: the sum of 1 / (60 + rank); here with each leg's half."""
    assert fuse_ranks(({"a": 1, "b": 2}, {"b": 1}), (0.5, 0.5), 60) == {"a": 0.5 / 61, "b": 0.5 / 62 + 0.5 / 61}


@pytest.fixture
def store() -> ExactStore:
    """Forty mugs, and three products whose titles share words with "leopard phone case"."""
    opened = ExactStore()
    opened.ensure(INFO)
    opened.upsert([record(f"mug{number:02}", seed=number, title=f"Mug number {number}") for number in range(40)])
    opened.upsert([record("case", seed=100, title="Leopard phone case", category="case")])
    opened.upsert([record("phone", seed=101, title="Phone stand", category="stand")])
    opened.upsert([record("leopard", seed=102, title="Leopard cushion", category="cushion")])
    return opened


def search(store: ExactStore, weight: float = 0.5, limit: int = 10, **where: object) -> list[HybridHit]:
    options = HybridOptions(lexical_weight=weight)
    given = parse_filter(where) if where else None
    return hybrid_search(store, unit(7), "leopard phone case", options, limit=limit, filter=given)


def test_both_legs_are_in_the_order_and_in_the_scores(store: ExactStore) -> None:
    hits = search(store)
    assert [hit.order_score for hit in hits] == sorted((hit.order_score for hit in hits), reverse=True)
    by_id = {hit.product_id: hit for hit in hits}
    assert {"mug07", "case"} <= set(list(by_id)[:4])
    case, mug = by_id["case"].hybrid, by_id["mug07"].hybrid
    assert case.lexical_rank == 1 and case.lexical is not None and case.lexical > 0
    assert (mug.dense_rank, mug.lexical_rank, mug.lexical) == (1, None, None)
    assert mug.fused == pytest.approx(0.5 / 61)


def test_every_hit_has_its_cosine_whichever_leg_found_it(store: ExactStore) -> None:
    for hit in search(store, limit=5):
        assert hit.score == pytest.approx(float(store.get(hit.product_id)[0].vector @ unit(7)), abs=1e-5)


def test_the_weights_at_the_ends_are_each_leg_alone(store: ExactStore) -> None:
    dense = [hit.product_id for hit in store.search(unit(7), limit=10)]
    assert [hit.product_id for hit in search(store, 0.0)] == dense
    assert search(store, 1.0)[0].product_id == "case"
    assert {hit.product_id for hit in search(store, 1.0)[:3]} == {"case", "phone", "leopard"}


def test_the_filter_holds_for_both_legs(store: ExactStore) -> None:
    hits = search(store, category={"in": ["stand", "cushion"]})
    assert sorted(hit.product_id for hit in hits) == ["leopard", "phone"]


def test_a_cut_through_equal_titles_does_not_prefer_those_before_it(store: ExactStore) -> None:
    """Thirty titles with the same BM25 and room for ten: those beyond the cut get the score of their equals."""
    store.upsert([record(f"z{number:02}", seed=200 + number, title="Phone holder") for number in range(30)])
    nearest = max(range(30), key=lambda number: float(unit(200 + number) @ unit(7)))
    vector = store.get(f"z{nearest:02}")[0].vector
    hits = hybrid_search(store, vector, "holder", HybridOptions(), limit=10, filter=None)
    assert hits[0].product_id == f"z{nearest:02}"
    assert hits[0].hybrid.lexical_rank == 1


class Forgetful(ExactStore):
    """Finds a title whose product is gone when it is looked at."""

    def match_titles(self, text: str, *, limit: int, filter: Filter | None = None) -> list[TitleMatch]:
        found = super().match_titles(text, limit=limit, filter=filter)
        return [*found, found[0]._replace(product_id="gone")]


def test_a_product_deleted_between_the_legs_is_left_out() -> None:
    store = Forgetful()
    store.ensure(INFO)
    store.upsert([record("leopard", title="Leopard cushion")])
    hits = hybrid_search(store, unit(0), "leopard", HybridOptions(), limit=5, filter=None)
    assert [hit.product_id for hit in hits] == ["leopard"]


def test_a_store_that_cannot_says_so_and_is_never_only_dense() -> None:
    store = MemoryStore()
    store.has_titles = False
    with pytest.raises(TitleSearchUnavailable):
        hybrid_search(store, np.zeros(8, np.float32), "mug", HybridOptions(), limit=5, filter=None)


def test_a_hit_of_both_legs_is_still_a_hit(store: ExactStore) -> None:
    hit = search(store)[0]
    assert hit.product.id == hit.product_id and hit.order_score == hit.hybrid.fused != hit.score
