"""What is special about a Milvus server: index types that are built apart, and other processes that come and go."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from pymilvus import MilvusClient

from service.errors import StoreUnavailable
from service.stores.filters import parse_filter
from service.stores.milvus.milvus_store import MilvusStore
from tests.integration.records import INFO, record, unit

pytestmark = pytest.mark.slow
_NUMBERS = itertools.count()


@pytest.fixture
def name() -> str:
    """A name that no collection has."""
    return f"server_{next(_NUMBERS)}"


@pytest.fixture
def client(milvus_uri: str) -> Iterator[MilvusClient]:
    """Milvus as somebody else sees it."""
    client = MilvusClient(milvus_uri)
    yield client
    client.close()


@pytest.mark.parametrize("index_type", ["HNSW", "IVF_FLAT", "FLAT"])
def test_the_index_is_explicit_and_no_product_is_left_out(
    milvus_uri: str, name: str, client: MilvusClient, index_type: str
) -> None:
    store = MilvusStore(
        milvus_uri,
        collection=name,
        index_type=index_type,
        search_params={"nprobe": 1} if index_type == "IVF_FLAT" else {},
        timeout_s=60,
    )
    store.ensure(INFO)
    index = client.describe_index(name, "vector")
    assert (index["index_type"], index["metric_type"]) == (index_type, "COSINE")
    near = [record("big", number, seed=1) for number in range(400)]
    store.upsert(near + [record(f"p{n}", seed=n, category="rare" if n < 3 else "odd") for n in range(40)])
    client.flush(name)
    for limit, count in ((2, 2), (41, 41), (100, 41)):
        products = [hit.product_id for hit in store.search(unit(1), limit=limit)]
        assert len(products) == len(set(products)) == count
    rare = parse_filter({"category": {"eq": "rare"}})
    assert {hit.product_id for hit in store.search(unit(30), limit=9, filter=rare)} == {"p0", "p1", "p2"}
    store.close()


def test_what_is_deleted_is_gone_at_once(milvus_uri: str, name: str) -> None:
    """Servers answer deletes without the time that session consistency goes by."""
    store = MilvusStore(milvus_uri, collection=name, timeout_s=60)
    store.ensure(INFO)
    for number in range(3):
        store.upsert([record(f"p{number}"), record("stays")])
        assert store.delete([f"p{number}"]) == 1
        assert (store.count(), store.get(f"p{number}")) == (1, [])
        assert [hit.product_id for hit in store.search(unit(0), limit=5)] == ["stays"]
    store.close()


def test_what_somebody_released_is_loaded_again(milvus_uri: str, name: str, client: MilvusClient) -> None:
    """Milvus says `not loaded` from then on; before, that was 503 until the service was restarted."""
    store = MilvusStore(milvus_uri, collection=name, timeout_s=60)
    store.ensure(INFO)
    store.upsert([record(f"p{number}", seed=number) for number in range(30)])
    client.release_collection(name)
    assert first_answer(lambda: len(store.search(unit(1), limit=50))) == 30
    client.release_collection(name)
    assert first_answer(store.count) == 30
    store.close()


def first_answer(read: Callable[[], int]) -> int:
    """What is answered once it is not refused."""
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        with suppress(StoreUnavailable):
            return read()
        time.sleep(0.1)
    raise AssertionError("never answered")
