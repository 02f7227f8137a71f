"""Hybrid search: fusion by scores, and what both legs say of each product."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.search.hybrid import HybridHit, hybrid_options, hybrid_search
from service.search.hybrid_defaults import HybridDefaults
from service.search.lexical.catalog_words import CatalogWords
from service.search.lexical.inverted_index import LexicalScores
from service.search.retrieval_types import HybridOptions
from service.search.score_fusion import shared_ranks
from service.stores.exact.exact_store import ExactStore
from service.stores.filters import parse_filter
from tests.integration.records import INFO, record, unit

_SCORES = st.dictionaries(st.text(max_size=3), st.sampled_from([0.0, 0.5, 1.0, 2.0, 7.25]), max_size=12)


@given(_SCORES)
def test_a_shared_rank_is_one_more_than_the_number_of_better_ones(scores: dict[str, float]) -> None:
    ranks = shared_ranks(scores)
    assert ranks == {id: 1 + sum(other > score for other in scores.values()) for id, score in scores.items()}


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


def matched(store: ExactStore, text: str) -> LexicalScores:
    return CatalogWords(store, ["title", "category"]).score(text)


def search(
    store: ExactStore, weight: float = 0.5, limit: int = 10, text: str = "leopard phone case", **where: object
) -> list[HybridHit]:
    options = HybridOptions(lexical_weight=weight)
    given = parse_filter(where) if where else None
    return hybrid_search(store, matched(store, text), unit(7), options, limit=limit, filter=given)


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_the_order_is_that_of_both_scores_by_weight(store: ExactStore, weight: float) -> None:
    hits = search(store, weight)
    assert [hit.order_score for hit in hits] == sorted((hit.order_score for hit in hits), reverse=True)
    for hit in hits:
        scores = hit.hybrid
        assert 0 <= scores.lexical <= 1 and 0 <= scores.dense <= 1
        assert scores.fused == pytest.approx(weight * scores.lexical + (1 - weight) * scores.dense)
        assert (scores.lexical == 0) == (scores.lexical_rank is None)


def test_each_score_has_its_best_at_one(store: ExactStore) -> None:
    by_id = {hit.product_id: hit.hybrid for hit in search(store)}
    case, mug = by_id["case"], by_id["mug07"]
    assert (case.lexical, case.lexical_rank) == (1.0, 1)
    assert (mug.dense, mug.dense_rank, mug.lexical, mug.lexical_rank) == (1.0, 1, 0.0, None)


def test_a_title_that_is_the_query_comes_first_however_unlike_it_is(store: ExactStore) -> None:
    """`Oatly Oat Milk` was second under fusion by ranks, BM25 8.53 against 1.57."""
    store.upsert([record(f"milk{number}", seed=number, title=f"Oat cookies {number}") for number in range(40)])
    across = unit(8) - unit(7) * float(unit(8) @ unit(7))
    far = 0.7 * unit(7) + np.sqrt(1 - 0.7**2) * across / np.linalg.norm(across)
    store.upsert([replace(record("exact", title="Oatly Oat Milk"), vector=far.astype(np.float32))])
    store.upsert([replace(record("longer", title="Oatly Oat Milk Barista"), vector=unit(7))])
    assert [hit.product_id for hit in search(store, text="oatly oat milk")][:2] == ["exact", "longer"]
    assert search(store, 1.0, text="Oatly, oat milk!")[0].product_id == "exact"


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
    words = matched(store, "holder")
    hits = hybrid_search(store, words, vector, HybridOptions(), limit=10, filter=None)
    assert hits[0].product_id == f"z{nearest:02}"
    assert hits[0].hybrid.lexical_rank == 1


def test_titles_behind_hundreds_that_a_filter_leaves_out_are_found(store: ExactStore) -> None:
    store.upsert([record(f"a{number:03}", seed=500, title="Phone holder", category="no") for number in range(600)])
    store.upsert([record("z", seed=7, title="Phone holder", category="yes", attributes={"new": True})])
    store.upsert([record(f"y{number:02}", seed=number, title="Lamp", category="yes") for number in range(20)])
    hits = search(store, 1.0, limit=3, text="phone holder", category={"eq": "yes"})
    assert hits[0].product_id == "z" and len(hits) == 3
    assert [
        hit.product_id for hit in search(store, 1.0, limit=1, text="phone holder", attributes={"new": {"eq": True}})
    ]


def test_a_product_deleted_between_the_legs_is_left_out(store: ExactStore) -> None:
    words = matched(store, "leopard")
    store.delete(["case"])
    hits = hybrid_search(store, words, unit(0), HybridOptions(), limit=5, filter=None)
    found = {hit.product_id for hit in hits}
    assert "leopard" in found and "case" not in found and len(hits) == 5


@pytest.mark.parametrize(
    ("enabled", "text", "asked", "expected"),
    [
        (True, "a mug", None, HybridOptions(0.5, required=False)),
        (True, "!?", None, None),
        (True, None, None, None),
        (True, "a mug", False, None),
        (False, "a mug", None, None),
        (False, "a mug", True, HybridOptions(0.5, required=True)),
    ],
)
def test_one_place_decides_whether_words_count(
    enabled: bool, text: str | None, asked: bool | None, expected: HybridOptions | None
) -> None:
    defaults = HybridDefaults(enabled, lexical_weight=0.5)
    assert hybrid_options(defaults, text, enabled=asked) == expected


def test_a_hit_of_both_legs_is_still_a_hit(store: ExactStore) -> None:
    hit = search(store)[0]
    assert hit.product.id == hit.product_id and hit.order_score == hit.hybrid.fused != hit.score
