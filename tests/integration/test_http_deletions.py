"""Deleting by filter and deleting all: what matches goes and nothing else, in bounded steps, and never by mistake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from service.catalog import deletion
from service.client import Client as ServiceClient
from service.errors import StoreUnavailable
from service.stores.filters import parse_filter
from tests.conftest import open_client
from tests.contract.test_auth import KEYS, bearer
from tests.contract.test_errors import assert_problem
from tests.fakes import Shop, make_shop
from tests.integration.live import live

Client = TestClient[Any]
FIVE = {"id": {"in": [f"p{number}" for number in range(5)]}}


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of two products, and runs of four."""
    monkeypatch.setattr(deletion, "_BATCH", 2)
    monkeypatch.setattr(deletion, "MOST_DELETED", 4)


def ids(client: Client) -> set[str]:
    return {product["id"] for product in client.get("/v1/products?limit=500").json()["products"]}


def send(client: Client, **body: Any) -> Any:
    response = client.post("/v1/deletions", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_what_matches_is_counted_then_deleted(shop: Shop, client: Client) -> None:
    before, images = ids(client), len(list(shop.images._blobs.list()))
    assert send(client, filter=FIVE, dry_run=True) == {"matched": 5, "deleted": 0, "complete": True}
    assert ids(client) == before
    assert send(client, filter=FIVE) == {"matched": 5, "deleted": 5, "complete": True}
    assert ids(client) == before - set(FIVE["id"]["in"])
    assert send(client, filter=FIVE) == {"matched": 0, "deleted": 0, "complete": True}
    assert len(list(shop.images._blobs.list())) == images
    found = client.post("/v1/search", json={"text": "a mug", "limit": 50, "rerank": {"enabled": False}}).json()
    assert {result["product"]["id"] for result in found["results"]} == ids(client)


@pytest.mark.usefixtures("small_steps")
def test_a_run_is_bounded_and_the_next_one_goes_on(client: Client) -> None:
    assert send(client, filter=FIVE) == {"matched": 4, "deleted": 4, "complete": False}
    assert send(client, filter=FIVE) == {"matched": 1, "deleted": 1, "complete": True}


@pytest.mark.usefixtures("small_steps")
def test_what_was_deleted_before_a_fault_stays_deleted(
    shop: Shop, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, whole = [1], shop.store.delete

    def fail_later(ids: Sequence[str]) -> int:
        if not left:
            raise StoreUnavailable
        left.pop()
        return whole(ids)

    monkeypatch.setattr(shop.store, "delete", fail_later)
    response = client.post("/v1/deletions", json={"filter": FIVE})
    assert response.status_code == 503
    assert_problem(response)
    monkeypatch.setattr(shop.store, "delete", whole)
    assert send(client, filter=FIVE)["deleted"] == 3


def test_what_no_longer_matches_when_its_turn_comes_stays(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "_BATCH", 2)
    products = shop.parts.ready().products
    run = products.deletion(parse_filter({"attributes.colour": {"eq": "red"}}))
    assert run.step()
    gone = {f"p{number}" for number in range(20)} - {
        product.id for product in products.page(after="", limit=50, filter=None)[0]
    }
    assert len(gone) == 2
    kept = next(f"p{number}" for number in range(19, 0, -1) if f"p{number}" not in gone)
    products.patch(kept, {"attributes": {"colour": "blue"}})
    while run.step():
        pass
    assert run.complete
    assert [product.id for product in products.page(after="", limit=50, filter=None)[0]] == [kept]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filter": None},
        {"filter": {}},
        {"filter": {"and": [{}]}},
        {"filter": {"colour": 1}},
        {"filter": FIVE, "a": 1},
    ],
)
def test_a_request_without_a_condition_deletes_nothing(client: Client, body: Any) -> None:
    before = ids(client)
    response = client.post("/v1/deletions", json=body)
    assert response.status_code == 400
    assert_problem(response)
    assert ids(client) == before


def test_all_products_go_only_where_that_is_confirmed(shop: Shop, client: Client) -> None:
    for address in ("/v1/products", "/v1/products/", "/v1/products?confirm=yes", "/v1/products?confirm="):
        response = client.delete(address)
        assert response.status_code == 400, address
        assert_problem(response)
    assert client.delete("/v1/products?confirm=all-products&dry_run=true").json()["matched"] == 20
    assert "dry_run must be true or false" in client.delete("/v1/products?confirm=all-products&dry_run=2x").text
    assert shop.store.count() == 20
    assert client.delete("/v1/products?confirm=all-products").json() == {
        "matched": 20,
        "deleted": 20,
        "complete": True,
    }
    assert shop.store.count() == 0


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Client]:
    """A service with a key for each scope."""
    with open_client(make_shop(tmp_path, api_keys=KEYS)) as client:
        yield client


def test_writers_delete_by_filter_and_only_admins_all(locked: Client) -> None:
    everything = "/v1/products?confirm=all-products&dry_run=true"
    assert locked.post("/v1/deletions", json={"filter": FIVE}, headers=bearer("wt_search")).status_code == 403
    assert locked.post("/v1/deletions", json={"filter": FIVE}, headers=bearer("wt_write")).status_code == 200
    assert locked.delete(everything, headers=bearer("wt_write")).status_code == 403
    assert locked.delete(everything, headers=bearer("wt_admin")).status_code == 200


@pytest.mark.usefixtures("small_steps")
def test_the_client_sends_until_nothing_is_left(tmp_path: Path) -> None:
    with live(make_shop(tmp_path)) as url, ServiceClient(url) as client:
        assert client.delete_products(FIVE, dry_run=True).model_dump() == {"matched": 5, "deleted": 0, "complete": True}
        assert client.delete_products(FIVE).deleted == 5
        assert client.delete_all_products().model_dump() == {"matched": 15, "deleted": 15, "complete": True}
