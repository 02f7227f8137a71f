"""Products stay whole on real stores: what is left over, what is older than revisions, and writers beside readers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from service.search.lexical.catalog_words import CatalogWords
from service.stores.filters import parse_filter
from service.stores.store import Record, Store, VersionedStore
from tests.integration.conftest import WAITS_ON_THE_SERVER, MakeStore
from tests.integration.records import INFO, record, unit

KINDS = pytest.mark.parametrize("make_store", ["memory", "file", "lite", WAITS_ON_THE_SERVER], indirect=True)


def product(id: str, name: str, count: int) -> list[Record]:
    """A product whose every row says which write it is from."""
    keys = [f"{name}-{number}" for number in range(count)]
    fields = [{"title": name, "category": name, "image_key": key, "content_hash": key} for key in keys]
    return [record(id, number, seed=number, **one) for number, one in enumerate(fields)]


def images(store: Store, id: str = "p") -> list[str]:
    return [row.product.image_key for row in store.get(id)]


def crashed(store: VersionedStore) -> VersionedStore:
    """The store with a product whose last write was killed before it could delete the rows of the one before."""
    store.ensure(INFO)
    store.write([product("q", "other", 2)])
    store.write([product("p", "old", 4)])
    left = store.get("p")
    store.write([product("p", "new", 2)])
    store.upsert(left[1:])
    return store


@pytest.fixture
def store(make_store: MakeStore) -> VersionedStore:
    """A store after a crash."""
    return crashed(make_store())


@KINDS
def test_rows_that_are_left_over_are_read_by_nobody(store: VersionedStore) -> None:
    assert images(store) == ["new-0", "new-1"] and store.count() == 2 + 2 + 3
    for seed in range(4):  # the vectors of 2 and 3 are those of the rows that are left over
        hits = {hit.product_id: hit for hit in store.search(unit(seed), limit=9)}
        assert hits.keys() == {"p", "q"} and hits["p"].product.image_key in {"new-0", "new-1"}
    assert store.search(unit(3), limit=9, filter=parse_filter({"category": {"eq": "old"}})) == []
    [hit] = store.search(unit(1), limit=1, filter=parse_filter({"category": {"eq": "new"}}))
    assert (hit.id, hit.product.image_key) == ("p#1", "new-1")
    assert [row.product.image_key for row in store.fetch([hit.id])] == ["new-1"]
    assert store.hashes(["p#0", "p#1", "p#2", "q#1"]) == {"p#0": "new-0", "p#1": "new-1", "q#1": "other-1"}
    assert sorted(store.row_ids(["p", "q", "none"])) == ["p#0", "p#1", "q#0", "q#1"]
    assert {id: len(rows) for id, rows in store.products(["p", "q", "none"]).items()} == {"p": 2, "q": 2}


@KINDS
def test_words_that_are_left_over_are_not_found(store: VersionedStore) -> None:
    words = CatalogWords(store, ["title"])
    assert (words.score("old").ids, words.score("new").ids) == ([], ["p"])


@KINDS
def test_rows_that_are_left_over_are_deleted_when_they_are_old(store: VersionedStore) -> None:
    assert store.delete_leftovers(dry_run=True) == 3 and store.count() == 7
    assert store.delete_leftovers() == 3 and store.delete_leftovers() == 0
    assert (store.count(), images(store), images(store, "q")) == (4, ["new-0", "new-1"], ["other-0", "other-1"])
    assert store.delete(["p"]) == 2 and store.get("p") == []


@KINDS
def test_a_reindex_leaves_them_behind(store: VersionedStore) -> None:
    rows = store.products(["p", "q"])
    beside = store.beside(replace(INFO, fingerprint="fake-2"))
    beside.write(list(rows.values()))
    store.publish(beside)
    assert store.count() == 4 and images(store) == ["new-0", "new-1"]


@KINDS
def test_rows_of_before_there_were_revisions(make_store: MakeStore) -> None:
    store = make_store()
    store.ensure(INFO)
    store.upsert([*product("p", "old", 3), *product("q", "other", 1)])
    assert images(store) == ["old-0", "old-1", "old-2"] and store.delete_leftovers(dry_run=True) == 0
    assert store.search(unit(2), limit=1)[0].product.image_key == "old-2"
    assert store.hashes(["p#2"]) == {"p#2": "old-2"} and len(store.row_ids(["p", "q"])) == 4
    store.write([product("p", "new", 2)])
    assert images(store) == ["new-0", "new-1"]
    assert store.delete(["p", "q"]) == 3 and store.search(unit(0), limit=9) == [] == store.get("p")


@pytest.mark.parametrize(
    "make_store", ["memory", "lite", pytest.param("server", marks=pytest.mark.slow)], indirect=True
)
@pytest.mark.parametrize("counts", [(3, 2), (1, 3)])
def test_two_connections_write_while_others_read(make_store: MakeStore, counts: tuple[int, int]) -> None:
    """As two services do on one collection: nobody ever reads a mixture, and none stays."""
    one, two, reader = stores = [make_store() for _ in range(3)]
    for store in stores:
        store.ensure(INFO)
    one.write([product("p", "a", counts[0])])
    wholes = {name: [f"{name}-{number}" for number in range(count)] for name, count in zip("ab", counts, strict=True)}
    torn: list[object] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            rows = reader.get("p")
            titles = {row.product.title for row in rows}
            if len(titles) != 1 or [row.product.image_key for row in rows] != wholes[titles.pop()]:
                torn.append([(row.product.title, row.product.image_key) for row in rows])
            found = reader.search(unit(1), limit=3)
            if [hit.product.title == hit.product.image_key[0] for hit in found] != [True]:
                torn.append(found)

    def write(store: Store, name: str, barrier: threading.Barrier) -> None:
        for _ in range(8):
            barrier.wait(60)
            store.write([product("p", name, len(wholes[name]))])
            barrier.wait(60)
            if images(store) not in wholes.values():
                torn.append(images(store))

    barrier = threading.Barrier(2)
    writers = [threading.Thread(target=write, args=(store, name, barrier)) for store, name in ((one, "a"), (two, "b"))]
    reading = threading.Thread(target=read)
    run(reading, *writers, stop=stop.set)
    assert torn == []
    last = images(one)
    assert last in wholes.values() and images(two) == images(reader) == last
    one.delete_leftovers()
    assert one.count() == len(last)


def run(reading: threading.Thread, *writers: threading.Thread, stop: Callable[[], None]) -> None:
    """Start all, wait for the writers, then stop the reader."""
    for thread in (reading, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop()
    reading.join()
