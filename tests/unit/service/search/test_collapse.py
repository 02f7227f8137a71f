"""Near-duplicates: nothing disappears without being named."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.search.collapse import collapse, collapse_vectors
from service.search.retrieval_types import CollapseOptions, Duplicate
from service.stores.exact.exact_store import ExactStore
from service.stores.store import Hit, Vector
from tests.integration.records import INFO, record, unit


def hit(number: int, key: str = "") -> Hit:
    return record(f"p{number}", image_key=key or f"key{number}").found(1 - number / 1000)


def at(*degrees: float) -> Vector:
    """Unit vectors in a plane."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@given(st.lists(st.tuples(st.integers(0, 359), st.sampled_from("abcde")), max_size=30), st.floats(0.01, 1.0))
def test_shown_and_hidden_together_are_all_and_each_once(items: list[tuple[int, str]], threshold: float) -> None:
    hits = [hit(number, key) for number, (_, key) in enumerate(items)]
    vectors = at(*(angle for angle, _ in items)).reshape(len(hits), 2)
    found = collapse_vectors(hits, vectors, threshold)
    hidden = [duplicate.product_id for several in found.hidden.values() for duplicate in several]
    shown = [one.product_id for one in found.hits]
    assert sorted(shown + hidden) == sorted(one.product_id for one in hits)
    assert found.hidden.keys() <= set(shown)
    places = {one.product_id: place for place, one in enumerate(hits)}
    assert shown == sorted(shown, key=places.__getitem__)
    for keeper, several in found.hidden.items():
        for duplicate in several:
            assert places[duplicate.product_id] > places[keeper]
            assert duplicate.same_picture or duplicate.similarity >= threshold
    for one in range(len(shown)):
        for other in range(one):
            a, b = places[shown[one]], places[shown[other]]
            assert hits[a].product.image_key != hits[b].product.image_key and float(vectors[a] @ vectors[b]) < threshold


def test_a_chain_of_small_steps_does_not_swallow_what_is_far() -> None:
    found = collapse_vectors([hit(n) for n in range(4)], at(0, 10, 20, 30), threshold=float(np.cos(np.radians(11))))
    assert [one.product_id for one in found.hits] == ["p0", "p2"]
    assert {id: [d.product_id for d in several] for id, several in found.hidden.items()} == {"p0": ["p1"], "p2": ["p3"]}


def test_the_same_image_is_one_however_it_was_encoded_and_no_image_is_none() -> None:
    vectors = at(0, 90, 180)
    found = collapse_vectors([hit(0, "k"), hit(1, "k"), hit(2, "k2")], vectors, 0.99)
    [duplicate] = found.hidden["p0"]
    assert (duplicate.product_id, duplicate.same_picture) == ("p1", True) and abs(duplicate.similarity) < 1e-6
    blank = record("x").found(0.5)
    assert len(collapse_vectors([blank, blank], at(0, 90), 0.99).hits) == 2


def test_vectors_come_from_the_store_and_deleted_products_are_no_hits() -> None:
    store = ExactStore()
    store.ensure(INFO)
    store.upsert([record("a", seed=1, image_key="x"), record("b", seed=1, image_key="y"), record("c", seed=2)])
    hits = store.search(unit(1), limit=9)
    store.delete(["c"])
    found = collapse(store, hits, CollapseOptions())
    assert [one.product_id for one in found.hits] == ["a"]
    assert found.hidden == {"a": (Duplicate("b", 1.0, False),)}
    assert collapse(store, [], CollapseOptions()).hits == []
