"""The Pinecone store, through its SDK, against a stand-in that speaks the documented REST API."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from service.build import open_store
from service.errors import (
    ConfigurationError,
    EncoderMismatch,
    FilterError,
    InvalidValue,
    StoreUnavailable,
)
from service.settings import load_settings
from service.stores.filter_evaluation import matches
from service.stores.filters import MAX_NUMBER, parse_filter
from service.stores.pinecone.connection import PineconeConnection
from service.stores.pinecone.pinecone_store import PineconeStore
from tests.integration import test_revisions as whole
from tests.integration.pinecone_server import API_KEY, Cloud, pinecone_server
from tests.integration.records import INFO, record, unit

# Also the assertions that hold for every store; they run over the fixture `store` of this module.
from tests.integration.test_filters_milvus import ROWS, test_attribute_names  # noqa: F401
from tests.integration.test_stores import (  # noqa: F401
    test_a_scan_gives_each_row_once,
    test_always_as_many_products_as_there_are,
    test_pages_follow_the_order_of_row_ids,
    test_rows_come_back_as_they_were,
    test_search_orders_by_cosine,
    test_upsert_replaces_and_delete_removes,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Cloud]:
    """One server for all tests."""
    with pinecone_server() as cloud:
        yield cloud


@pytest.fixture
def cloud(server: Cloud) -> Cloud:
    """The server, emptied."""
    server.indexes.clear()
    server.rows.clear()
    server.asked.clear()
    server.failure = None
    return server


def make(cloud: Cloud, name: str = "shop", *, api_key: str = API_KEY, **options: str) -> PineconeStore:
    return PineconeStore(PineconeConnection(name, api_key=api_key, host=f"http://{cloud.host}"), **options)


@pytest.fixture
def store(cloud: Cloud) -> Iterator[PineconeStore]:
    """An empty store, ready for rows."""
    opened = make(cloud)
    opened.ensure(INFO)
    yield opened
    opened.close()


def test_an_index_is_made_once_and_knows_its_encoder(cloud: Cloud) -> None:
    store = make(cloud)
    store.ping()
    assert (store.count(), store.built_by()) == (0, None)
    with pytest.raises(StoreUnavailable, match="withthis index"):
        store.get("p")
    store.ensure(INFO)
    store.ensure(INFO)
    assert store.search(unit(0), limit=3) == [] and list(store.scan()) == [[]] and store.delete(["p"]) == 0
    assert store.built_by() == (INFO.id, INFO.fingerprint)
    assert [asked for asked in cloud.asked if asked.startswith("POST /indexes")] == ["POST /indexes"]
    deployment = cloud.indexes["shop"]["deployment"]
    assert (deployment["cloud"], deployment["region"]) == ("aws", "us-east-1")
    for other in (replace(INFO, fingerprint="fake-2"), replace(INFO, id="other")):
        with pytest.raises(EncoderMismatch):
            make(cloud).ensure(other)
    odd = replace(INFO, id="weights/of:mine", fingerprint="x" * 200)
    for _ in range(2):
        make(cloud, name="odd").ensure(odd)


@pytest.mark.parametrize("change", [{"tags": None}, {"tags": {"withthis-encoder": "fake"}}, {"metric": "dotproduct"}])
def test_an_index_of_somebody_else_is_left_alone(cloud: Cloud, change: dict[str, object]) -> None:
    make(cloud).ensure(INFO)
    index = cloud.indexes["shop"]
    if "metric" in change:
        [vector] = index["schema"]["fields"].values()
        vector |= change
    else:
        index |= change
    with pytest.raises(ConfigurationError, match="not created by this service"):
        make(cloud).ensure(INFO)


def test_any_filter_finds_what_it_means(store: PineconeStore) -> None:
    store.upsert(ROWS)
    for data in (
        {"category": {"eq": None}},
        {"not": {"price": {"lt": 15.5}}},
        {"attributes": {"tags": {"contains": "x"}}},
        {"not": {"attributes": {"tags": {"contains": "x"}}}},
        {"or": [{"attributes": {"size": {"gt": 3}}}, {"attributes": {"new": {"eq": True}}}]},
        {"attributes": {"colour": {"exists": False}}},
        *(
            {"attributes": {"x": {operator: value}}}
            for operator in ("eq", "ne", "contains")
            for value in (True, 1, 36, -18, "true")
        ),
        *({"attributes": {"x": {operator: value}}} for operator in ("gt", "lte") for value in (0, 36, MAX_NUMBER)),
    ):
        wanted = parse_filter(data)
        expected = {row.product_id for row in ROWS if matches(wanted, row.product)}
        assert {hit.product_id for hit in store.search(unit(3), limit=500, filter=wanted)} == expected
        assert {product.id for _, product in store.page(after="", limit=500, filter=wanted)} == expected
    with pytest.raises(FilterError, match="only by eq"):
        store.search(unit(3), limit=5, filter=parse_filter({"attributes": {"size": {"lt": "XL"}}}))


def test_collections_of_one_index_keep_apart(store: PineconeStore, cloud: Cloud) -> None:
    other = make(cloud, namespace="caps")
    store.upsert([record("a", image_key="k1"), record("a", 1, image_key="k2")])
    other.upsert([record("b", image_key="k3")])
    assert (store.count(), other.count()) == (2, 1) and other.get("a") == []
    assert store.image_keys() == other.image_keys() == {"k1", "k2", "k3"}


def test_ids_of_all_kinds(store: PineconeStore) -> None:
    ids = ["p", "p#1", "p#", "é~", "~0000e9", "🐆", 'x" or', "a/b?c=d&e", "%20 +"]
    store.upsert([record(id, number, image_key=id) for id in ids for number in range(2)])
    for id in ids:
        assert [row.id for row in store.get(id)] == [f"{id}#0", f"{id}#1"]
    assert sorted(store.hashes([f"{id}#0" for id in ids])) == sorted(f"{id}#0" for id in ids)
    assert store.delete(ids) == 2 * len(ids) and store.count() == 0


def test_what_does_not_fit_is_refused_before_it_is_sent(store: PineconeStore, cloud: Cloud) -> None:
    cloud.asked.clear()
    large = {f"note{n}": "x" * 1000 for n in range(60)}
    for row in (record("🐆" * 256), record("p", attributes=large)):
        with pytest.raises(InvalidValue, match="Pinecone accepts"):
            store.upsert([record("good"), row])
    assert cloud.asked == []


def test_products_stay_whole(cloud: Cloud) -> None:
    whole.test_rows_that_are_left_over_are_read_by_nobody(whole.crashed(make(cloud)))
    whole.test_rows_that_are_left_over_are_deleted_when_they_are_old(make(cloud))
    cloud.rows.clear()
    whole.test_rows_of_before_there_were_revisions(lambda: make(cloud))
    for counts in ((3, 2), (1, 3)):
        cloud.rows.clear()
        whole.test_two_connections_write_while_others_read(lambda: make(cloud), counts)


def test_pages_go_on_where_the_last_one_ended(store: PineconeStore, cloud: Cloud) -> None:
    store.upsert([record(f"p{number:04}") for number in range(450)])
    seen: list[str] = []
    listings = []
    while page := store.page(after=seen[-1] if seen else "", limit=70):
        seen += [id for id, _ in page]
        listings.append(sum(asked.startswith("GET /vectors/list") for asked in cloud.asked))
        cloud.asked.clear()
    assert seen == [f"p{number:04}#0" for number in range(450)]
    assert max(listings) <= 2
    assert make(cloud).page(after="p0444#0", limit=5000) == store.page(after="p0444#0", limit=5000)


def test_what_pinecone_cannot_do_is_said(store: PineconeStore) -> None:
    with pytest.raises(ConfigurationError, match="Index the feed into a new one"):
        store.beside(INFO)
    with pytest.raises(ConfigurationError, match="Index the feed into a new one"):
        store.publish(store)
    assert store.drop_others() == 0


@pytest.mark.parametrize("status", [400, 401, 403, 500, 503])
def test_failures_are_an_unavailable_store_and_tell_no_secrets(
    store: PineconeStore, cloud: Cloud, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pinecone._internal.http_client._retry_sleep", lambda _: None)
    cloud.failure = status
    for ask in (store.ping, store.count, lambda: store.search(unit(0), limit=1), lambda: store.upsert([record("a")])):
        with pytest.raises(StoreUnavailable) as caught:
            ask()
        assert "secret" not in caught.value.detail and API_KEY not in caught.value.detail


def test_nobody_there(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinecone._internal.http_client._retry_sleep", lambda _: None)
    lost = PineconeStore(PineconeConnection("shop", api_key=API_KEY, host="http://127.0.0.1:9", timeout_s=1))
    with pytest.raises(StoreUnavailable):
        lost.ping()


def test_settings_lead_there(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(store_uri="pinecone:shop", store_token=API_KEY, pinecone_host=f"http://{cloud.host}")
    store = open_store(settings)
    store.ensure(INFO)
    store.upsert([record("a")])
    assert list(cloud.rows) == ["products"]
    store.close()
    store.close()
    with pytest.raises(ConfigurationError, match="WITHTHIS_STORE_TOKEN"):
        open_store(load_settings(store_uri="pinecone:shop"))
    with pytest.raises(ConfigurationError, match="pinecone: and the name"):
        load_settings(store_uri="pinecone:Bad Name")
    monkeypatch.setitem(sys.modules, "service.stores.pinecone.pinecone_store", None)
    with pytest.raises(ConfigurationError, match=r"withthis\[pinecone\]"):
        open_store(settings)
