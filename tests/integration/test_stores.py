"""What every store does: exact in memory and in a file, Milvus Lite, a Milvus server."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from service.errors import EncoderMismatch
from service.search.hybrid import hybrid_search
from service.search.lexical.catalog_words import CatalogWords
from service.search.retrieval_types import HybridOptions
from service.stores.exact.exact_store import ExactStore
from service.stores.filter_evaluation import matches
from service.stores.filters import parse_filter
from service.stores.store import Record, Store
from tests.integration.conftest import WAITS_ON_THE_SERVER, MakeStore
from tests.integration.records import INFO, record, unit


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    """An empty store, ready for rows."""
    opened = make_store()
    opened.ensure(INFO)
    return opened


def test_an_empty_store_answers(make_store: MakeStore) -> None:
    store = make_store()
    store.ping()
    assert (store.count(), store.built_by()) == (0, None)
    store.ensure(INFO)
    assert store.search(unit(0), limit=3) == [] and list(store.scan()) == []
    assert store.get("p") == [] and store.hashes([]) == {} and store.delete(["p"]) == 0
    assert store.built_by() == (INFO.id, INFO.fingerprint)


def test_rows_come_back_as_they_were(store: Store) -> None:
    attributes = {"colour": 'réd "x"', "size": 38, "ratio": 0.5, "new": True, "tags": ["a", 1], "brackets (cm)": "🐆"}
    rows = [record("p", number, seed=number, attributes=attributes, price=None, category=None) for number in range(12)]
    store.upsert(rows)
    found = store.get("p")
    assert [row.id for row in found] == [f"p#{number}" for number in range(12)]
    for before, after in zip(rows, found, strict=True):
        assert after.product.attributes == attributes and (after.product.price, after.product.category) == (None, None)
        assert np.allclose(after.vector, before.vector)
        assert (after.product.title, after.content_hash, after.updated_at) == (
            before.product.title,
            before.content_hash,
            1,
        )
    assert store.get("q") == [] and store.get('p" or "" == "') == []


def test_all_that_match_are_listed_once_or_said_to_be_too_many(store: Store) -> None:
    several = [record("several", number, seed=number, attributes={"size": 1}) for number in range(3)]
    store.write([several, *([record(f"p{n}", seed=n, attributes={"size": n})] for n in range(4))])
    store.write([[record("p3", seed=9, attributes={"size": 7})]])
    ids = {"several", "p0", "p1", "p2", "p3"}
    found = store.matching(None, most=7)
    assert found is not None and len(found) == 5 and {product.id for product in found} == ids
    assert store.matching(None, most=6) is None
    small = store.matching(parse_filter({"attributes": {"size": {"lte": 1}}}), most=6)
    assert small is not None and sorted(product.id for product in small) == ["p0", "p1", "several"]
    assert store.matching(parse_filter({"category": {"eq": "cap"}}), most=0) == []


def test_upsert_replaces_and_delete_removes(store: Store) -> None:
    store.upsert([record("a"), record("b"), record("b", 1)])
    store.upsert([record("a", title="New", content_hash="new")])
    assert store.count() == 3 and store.get("a")[0].product.title == "New"
    assert store.hashes(["a#0", "b#1", "nope", '"']) == {"a#0": "new", "b#1": "hash-b-1"}
    assert sorted(row.id for row in store.fetch(["a#0", "b#0"])) == ["a#0", "b#0"]
    assert sorted(store.row_ids(["b", "c"])) == ["b#0", "b#1"]
    assert store.delete_rows(["b#1", "b#7"]) == 1 and store.delete(["a", "nope"]) == 1
    assert store.count() == 1 and store.delete([]) == 0 and store.hashes([]) == {}
    assert [hit.product_id for hit in store.search(unit(0), limit=5)] == ["b"]


def test_search_orders_by_cosine(store: Store) -> None:
    rows = [record(f"p{number}", seed=number) for number in range(50)]
    store.upsert(rows)
    hits = store.search(unit(7), limit=9)
    expected = sorted(rows, key=lambda row: -float(row.vector @ unit(7)))[:9]
    assert [hit.id for hit in hits] == [row.id for row in expected]
    assert hits[0].score == pytest.approx(1.0) and hits[0].product_id == "p7"


def test_always_as_many_products_as_there_are(store: Store) -> None:
    """One product with 400 images next to the query must not push others out."""
    near = [record("big", number, seed=1) for number in range(400)]
    store.upsert(near + [record(f"p{n}", seed=n, category="rare" if n < 3 else "odd") for n in range(40)])
    for limit, count in ((1, 1), (2, 2), (9, 9), (41, 41), (100, 41)):
        products = [hit.product_id for hit in store.search(unit(1), limit=limit)]
        assert len(products) == len(set(products)) == count
    rare = parse_filter({"category": {"eq": "rare"}})
    assert {hit.product_id for hit in store.search(unit(30), limit=9, filter=rare)} == {"p0", "p1", "p2"}
    assert store.search(unit(1), limit=3, filter=parse_filter({"category": {"eq": "none"}})) == []


def hybrid_order(
    store: Store, text: str, limit: int, weight: float = 0.5, filter: dict[str, object] | None = None
) -> list[str]:
    matched, given = CatalogWords(store, ["title", "category"]).score(text), parse_filter(filter) if filter else None
    hits = hybrid_search(store, matched, unit(0), HybridOptions(weight), limit=limit, filter=given)
    return [hit.product_id for hit in hits]


@pytest.mark.parametrize("make_store", ["memory", "lite"], indirect=True)
@pytest.mark.parametrize("way", ["one run", "two runs", "one by one", "with deletes", "reopened"])
def test_words_weigh_the_same_however_the_catalog_was_written(make_store: MakeStore, way: str) -> None:
    """Milvus Lite's BM25 has statistics of its own for each run: of nine red mugs it found none."""
    posters = [record(f"poster{number}", title=f"Red poster {number}") for number in range(60)]
    mugs = [record(f"mug{number}", title="Red mug" if number < 9 else "Blue mug") for number in range(60)]
    lone = record("lone", title="Octopus mug, teal")
    store = make_store()
    store.ensure(INFO)
    if way == "one run":
        store.upsert([*posters, *mugs, lone])
    else:
        store.upsert([*posters, mugs[0]])
        store.settle()
        for rows in [[row] for row in mugs[1:]] if way == "one by one" else [mugs[1:]]:
            store.upsert(rows)
        store.upsert([lone])
    if way == "with deletes":
        store.upsert([record(f"gone{number}", title="Octopus red mug") for number in range(20)])
        store.settle()
        store.delete([f"gone{number}" for number in range(20)])
    if way == "reopened" and not isinstance(store, ExactStore):
        store.close()
    for weight in (1.0, 0.5):
        assert set(hybrid_order(store, "red mug", 9, weight)) == {f"mug{number}" for number in range(9)}
        assert hybrid_order(store, "octopus mug", 1, weight) == ["lone"]


def test_hybrid_search_means_the_same_in_every_store(store: Store) -> None:
    rows = [record(f"p{number:03}", seed=number, title=f"Mug {number % 7} {number % 3}") for number in range(300)]
    rows += [record("big", number, seed=1, title="Mug 5 2") for number in range(40)]
    store.upsert(rows)
    exact = ExactStore()
    exact.ensure(INFO)
    exact.upsert(rows)
    for weight in (0.0, 0.5, 1.0):
        assert hybrid_order(store, "a mug 5 2", 20, weight) == hybrid_order(exact, "a mug 5 2", 20, weight)


FILTERS: list[dict[str, object]] = [
    {"category": {"eq": "mug"}},
    {"price": {"lt": 12}, "attributes": {"size": {"in": [1, 2, True]}}},
    {"or": [{"title": {"eq": "Mug 1"}}, {"id": {"in": ["p1", "p30"]}}, {"not": {"category": {"exists": True}}}]},
    {"not": {"attributes": {"size": {"gt": 2}}}},
    {"attributes": {"tags": {"contains": 2}}, "price": {"exists": True}},
]
OF_IDS: dict[str, object] = {"not": {"id": {"in": ["p1", "p30", "p99"]}}}


def test_every_product_that_passes_a_filter_may_pass_it(store: Store) -> None:
    def written(number: int, shift: int) -> Record:
        size = [number % 5, True, None][(number + shift) % 3]
        attributes = {"tags": [number % 4, "a"]} | ({} if size is None else {"size": size})
        kind, price = ["mug", None, "hat"][(number + shift) % 3], [None, 8.0, 11.5, 20.0][(number + shift) % 4]
        return record(f"p{number}", title=f"Mug {number % 7}", category=kind, price=price, attributes=attributes)

    ids = [f"p{number}" for number in range(60)]
    now = {f"p{number}": written(number, 0) for number in range(50)}
    store.upsert([*now.values()])
    for change in ({}, {f"p{number}": written(number, 1) for number in range(20, 55)}):
        store.upsert([*change.values()])
        now |= change
        for filter in map(parse_filter, [OF_IDS, *FILTERS]):
            passing = [id for id in ids if id in now and matches(filter, now[id].product)]
            may = store.may_pass(ids, filter)
            assert [id for id in may if id in passing] == passing
    assert store.delete(["p30"]) == 1
    assert "p30" not in store.products(list(store.may_pass(ids, parse_filter(FILTERS[2]))))


def test_hybrid_search_under_a_filter_means_the_same_in_every_store(store: Store) -> None:
    kinds = ("mug", "hat", "cap", "bag")
    rows = [
        record(f"p{n:03}", seed=n, title=f"Mug {n % 7} {n % 3}", category=kinds[n % 4], price=n % 9) for n in range(300)
    ]
    store.upsert(rows)
    exact = ExactStore()
    exact.ensure(INFO)
    exact.upsert(rows)
    filters: list[dict[str, object]] = [{"category": {"eq": "hat"}}, {"price": {"eq": 3}}, {"price": {"gt": 100}}]
    for filter in filters:
        for weight in (0.5, 1.0):
            found, expected = (hybrid_order(one, "a mug 5 2", 20, weight, filter) for one in (store, exact))
            assert found == expected


def test_a_scan_gives_each_row_once(store: Store) -> None:
    rows = [record(f"p{number}", seed=number, image_key=f"key{number}", updated_at=number) for number in range(2500)]
    store.upsert(rows)
    found = [state for page in store.scan() for state in page]
    assert len(found) == len(rows)
    assert {(s.id, s.image_key, s.content_hash, s.updated_at) for s in found} == {
        (row.id, row.product.image_key, row.content_hash, row.updated_at) for row in rows
    }


def test_another_encoder_is_refused(make_store: MakeStore) -> None:
    store = make_store()
    store.ensure(INFO)
    store.ensure(INFO)
    for other in (replace(INFO, fingerprint="fake-2"), replace(INFO, id="other")):
        with pytest.raises(EncoderMismatch):
            store.ensure(other)


@pytest.mark.parametrize("make_store", ["memory", "file", "lite", WAITS_ON_THE_SERVER], indirect=True)
def test_a_version_takes_over_with_its_rows_alone(make_store: MakeStore) -> None:
    store, other = make_store(), replace(INFO, fingerprint="fake-2")
    store.ensure(INFO)
    store.upsert([record("old", image_key="k1")])
    beside = store.beside(other)
    beside.upsert([record("new", image_key="k2")])
    assert store.count() == 1 and [hit.product_id for hit in store.search(unit(0), limit=9)] == ["old"]
    replaced = store.publish(beside)
    assert [row.id for row in replaced.get("old")] == ["old#0"]
    assert [hit.product_id for hit in store.search(unit(0), limit=9)] == ["new"]
    assert store.built_by() == (other.id, other.fingerprint) and "k2" in store.image_keys()
    store.drop_others()
    assert store.count() == 1 and store.image_keys() >= {"k2"} and "k1" not in store.image_keys()
    store.ensure(other)
    with pytest.raises(EncoderMismatch):
        store.ensure(INFO)


def test_a_half_filled_version_is_taken_up_again_if_it_suits(make_store: MakeStore) -> None:
    store, other = make_store(), replace(INFO, fingerprint="fake-2")
    store.ensure(INFO)
    half = store.beside(other)
    half.upsert([record("half")])
    half.close()
    again = store.beside(other)
    kept = again.count()
    again.close()
    third = store.beside(replace(INFO, fingerprint="fake-3"))
    assert third.count() == 0
    third.close()
    assert store.drop_others() == kept  # the memory store has nothing to keep
    assert store.count() == 0 and store.built_by() == (INFO.id, INFO.fingerprint)


def test_publish_takes_only_its_own_kind(make_store: MakeStore) -> None:
    store = make_store()
    with pytest.raises(TypeError):
        store.publish(object())  # type: ignore[arg-type]


def test_pages_follow_the_order_of_row_ids(store: Store) -> None:
    ids = [f"p{number * 37 % 400}" for number in range(400)] + ['q"uote', "é", "🐆"]
    for start in range(0, len(ids), 100):
        store.upsert([record(id, category="rare" if id.endswith("7") else "mug") for id in ids[start : start + 100]])
    seen: list[str] = []
    while page := store.page(after=seen[-1] if seen else "", limit=64):
        seen += [id for id, _ in page]
        assert all(id == f"{product.id}#0" for id, product in page)
    assert seen == sorted(f"{id}#0" for id in ids)
    rare = store.page(after="p2", limit=500, filter=parse_filter({"category": {"eq": "rare"}}))
    assert [id for id, _ in rare] == sorted(f"{id}#0" for id in ids if id.endswith("7") and f"{id}#0" > "p2")
