"""Searches of Milvus Lite by ours are those by its own function, in every state that rows can be in."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from milvus_lite._version import get_version
from milvus_lite.engine import collection as lite_collection

from service.stores.filters import parse_filter
from service.stores.milvus import lite_search
from service.stores.milvus.milvus_store import MilvusStore
from tests.integration.records import DIMENSION, INFO, record, unit

FILTERS = [None, {"category": {"eq": "mug"}}, {"attributes": {"size": {"lt": 3}}}, {"category": {"eq": "nothing"}}]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[lite_search.Question]:
    """The questions of a test, each of which both functions must answer alike."""
    questions = []

    def both(**given: Any) -> list[list[dict[str, Any]]]:
        questions.append(lite_search.Question(**given))
        found = lite_search.search(**given)
        assert found == lite_search.lite_search(**given)
        return found

    monkeypatch.setattr(lite_collection, "execute_search_with_index", both)
    return questions


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MilvusStore]:
    """An empty store, ready for rows."""
    opened = MilvusStore(str(tmp_path / "milvus.db"))
    opened.ensure(INFO)
    yield opened
    opened.close()


def search_all(store: MilvusStore, living: Sequence[int]) -> None:
    """Search in many ways; all products that there are must be found."""
    for seed, filter in enumerate(FILTERS):
        for limit in (1, 7, 400):
            store.search(unit(seed), limit=limit, filter=parse_filter(filter) if filter else None)
    assert {hit.product_id for hit in store.search(unit(9), limit=400)} == {f"p{number}" for number in living}


def put(store: MilvusStore, numbers: Sequence[int], seed: int) -> None:
    """Write products, those that there are in place of what they were."""
    kinds = ("mug", "hat", "cap")
    store.write(
        [
            [record(f"p{n}", seed=1000 * seed + n, category=kinds[(n + seed) % 3], attributes={"size": (n * seed) % 9})]
            for n in numbers
        ]
    )


def test_rows_on_disk_in_memory_replaced_and_deleted(store: MilvusStore, asked: list[lite_search.Question]) -> None:
    """Each row is found as it is now, and nothing that was replaced or deleted."""
    put(store, range(120), seed=1)
    search_all(store, range(120))  # in memory
    store.settle()
    search_all(store, range(120))  # in one segment
    put(store, range(100, 160), seed=2)
    store.delete([f"p{n}" for n in range(10)])
    search_all(store, range(10, 160))  # some replaced and deleted in memory
    store.settle()
    search_all(store, range(10, 160))  # and on disk
    put(store, range(5, 40), seed=3)
    store.delete([f"p{n}" for n in range(30, 40)])
    put(store, range(35, 38), seed=4)
    living = [*range(5, 30), *range(35, 38), *range(40, 160)]
    search_all(store, living)  # deleted and written again
    store.settle()
    search_all(store, living)
    assert all(question.is_plain for question in asked)
    assert {len(question.segments) for question in asked} >= {0, 1, 2}


@pytest.mark.parametrize("index_type", ["HNSW", "IVF_FLAT", "FLAT"])
def test_every_index(tmp_path: Path, asked: list[lite_search.Question], index_type: str) -> None:
    """The rows that an index gives, and the places that it leaves empty, are read alike."""
    store = MilvusStore(str(tmp_path / "milvus.db"), index_type=index_type)
    store.ensure(INFO)
    put(store, range(90), seed=1)
    store.settle()
    put(store, range(80, 95), seed=2)
    search_all(store, range(95))
    store.close()
    assert asked


def test_random_changes(store: MilvusStore, asked: list[lite_search.Question]) -> None:
    """Whatever is written, deleted and settled in whichever order."""
    random, living = np.random.default_rng(7), set[int]()
    for step in range(25):
        first, number = int(random.integers(0, 60)), int(random.integers(1, 25))
        chosen = range(first, first + number)
        if random.random() < 0.6:
            put(store, chosen, seed=step)
            living |= set(chosen)
        else:
            store.delete([f"p{n}" for n in chosen])
            living -= set(chosen)
        if random.random() < 0.4:
            store.settle()
        search_all(store, sorted(living))
    assert all(question.is_plain for question in asked)


def test_what_is_not_asked_for_here_is_left_to_lite(store: MilvusStore, asked: list[lite_search.Question]) -> None:
    """All fields, with the vector among them, come from Lite's own function, as do partitions."""
    put(store, range(5), seed=1)
    with store._connection.open() as client:
        ask = {"data": [unit(1).tolist()], "anns_field": "vector", "limit": 3}
        [everything] = client.search("products", output_fields=["*"], **ask)
        [of_partition] = client.search("products", partition_names=["_default"], **ask)
    assert len(everything) == len(of_partition) == 3
    assert len(everything[0]["entity"]["vector"]) == DIMENSION
    assert not any(question.is_plain for question in asked)


def test_ours_is_used_with_the_release_that_it_was_written_for() -> None:
    """Another release needs a look at its function, and then another number."""
    assert get_version() == lite_search.RELEASE
    assert lite_collection.execute_search_with_index is lite_search.search


def test_another_release_keeps_its_own_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does is not known here."""
    monkeypatch.setattr(lite_collection, "execute_search_with_index", lite_search.lite_search)
    monkeypatch.setattr(lite_search, "get_version", lambda: "3.3.0")
    lite_search.take_over()
    assert lite_collection.execute_search_with_index is lite_search.lite_search
