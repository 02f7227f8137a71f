"""The Python client against the real application, both ways of calling it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from service.client import (
    AsyncClient,
    Client,
    ConnectionFailedError,
    InvalidRequestError,
    KeyRefusedError,
    NotFoundError,
    UnavailableError,
)
from service.errors import StoreUnavailable
from service.server.access.api_keys import hash_key
from tests.fakes import DIMENSION, Shop, make_shop, png
from tests.integration.live import live

SECRET = "wt_client"
Open = Callable[..., Any]


class Awaited:
    """The asynchronous client, called like the other one."""

    def __init__(self, portal: BlockingPortal, client: AsyncClient) -> None:
        self._portal = portal
        self._client = client

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            async def run() -> Any:
                found = getattr(self._client, name)(*args, **kwargs)
                if isinstance(found, AsyncIterator):
                    return iter([item async for item in found])
                return await found

            return self._portal.call(run)

        return call


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop with one key."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "rules.yaml").touch()
    keys = [{"name": "shop", "sha256": hash_key(SECRET), "scopes": ["search", "write", "admin"]}]
    return make_shop(folder, api_keys=keys, rules=folder / "rules.yaml")


@pytest.fixture(scope="module")
def url(shop: Shop) -> Iterator[str]:
    """Where it answers."""
    with live(shop) as address:
        yield address


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, url: str) -> Iterator[Any]:
    """A client of either kind."""
    if request.param == "sync":
        with Client(url, api_key=SECRET) as plain:
            yield plain
        return
    with start_blocking_portal() as portal:
        opened = AsyncClient(url, api_key=SECRET)
        with portal.wrap_async_context_manager(opened):
            yield Awaited(portal, opened)


def test_searches_in_all_ways(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "query.png"
    path.write_bytes(png("red"))
    answer = client.search("like this", image=path, limit=4, filter={"category": {"eq": "mug"}})
    assert answer.query.caption == "a leopard" and len(answer.results) == 4
    assert {result.product.category for result in answer.results} == {"mug"} and answer.rerank.applied
    plain = client.search("like this", image=png("red"), limit=4, filter={"category": {"eq": "mug"}}, rerank=False)
    assert [result.retrieval_rank for result in plain.results] == [1, 2, 3, 4] and not plain.rerank.applied
    assert "p3" not in {result.product.id for result in client.search(image={"product_id": "p3"}, limit=30).results}
    first = plain.results[0].product.image_url
    assert first is not None and client.image(first).startswith(b"\x89PNG")
    assert client.image(first, size=320).startswith(b"\xff\xd8")


def test_refusals_are_typed(client: Client) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        client.search("a", limit=0)
    assert caught.value.status == 400 and caught.value.problem["errors"]
    assert "/limit: Must be at least 1." in str(caught.value), "the places are in the text"
    with pytest.raises(InvalidRequestError) as caught:
        client.search(image=b"no picture")
    assert (caught.value.status, caught.value.type) == (422, "urn:withthis:problem:not-an-image")
    with pytest.raises(NotFoundError):
        client.image("a" * 64 + ".png")
    with pytest.raises(NotFoundError):
        client.get_product("nobody")


def test_a_store_that_is_away(client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.store, "failure", StoreUnavailable())
    monkeypatch.setattr("service.client.retry.random.uniform", lambda low, high: 0.01)
    with pytest.raises(UnavailableError):
        client.search("a")
    assert client.alive().status == "ok"


def test_a_search_is_streamed(client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(client.search_stream("a mug", limit=3))
    assert [one.event for one in found] == ["retrieved", "ranked"]
    assert [one.answer.rerank.applied for one in found] == [False, True]
    assert len(found[1].answer.results) == 3
    with pytest.raises(InvalidRequestError, match="/limit: Must be at least 1"):
        list(client.search_stream("a mug", limit=0))
    monkeypatch.setattr(shop.strategy, "degraded", "rerank_error")
    with pytest.raises(UnavailableError, match="Reranking is not available"):
        list(client.search_stream("a mug", rerank={"require": True}))


def test_a_title_with_a_line_separator_is_streamed_whole(client: Client) -> None:
    client.put_product("separated", title="one\u2028two\x85three", images=[png("olive")])
    [_, ranked] = client.search_stream(image=png("olive"), limit=30)
    titles = [result.product.title for result in ranked.answer.results if result.product.id == "separated"]
    assert titles == ["one\u2028two\x85three"]
    client.delete_product("separated")


def test_what_a_search_may_ask_for(client: Client) -> None:
    options = client.options()
    assert options.strategies == ["listwise"] and options.limits.limit >= options.defaults.limit


def test_models_by_themselves(client: Client) -> None:
    ranked = client.rerank("a mug", ["one", {"text": "two"}, png()], top_n=2, return_documents=True)
    assert [result.index for result in ranked.results] == [2, 1] and ranked.results[1].document == {"text": "two"}
    found = client.embeddings(["a mug", {"text": "a mug", "image": png()}, png()])
    assert [len(item.embedding) for item in found.data] == [DIMENSION] * 3


def test_feedback_is_sent_and_refused_where_it_is_off(client: Client) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.feedback("0" * 32, "p1", "click", position=1)
    assert caught.value.type == "urn:withthis:problem:feedback-off"


@pytest.mark.parametrize("id", ["plain", "a/b", "..", ".", "ä ?#%2F", "a//b/", "https://x.y"])
def test_a_product_comes_and_goes(client: Client, id: str) -> None:
    put = client.put_product(id, title="New", price=3.5, attributes={"colour": "red"}, images=[png("navy")])
    assert put.created == 1
    assert client.get_product(id).title == "New"
    assert client.patch_product(id, price=None, title="Newer").price is None
    assert client.get_product(id).title == "Newer"
    client.delete_product(id)
    with pytest.raises(NotFoundError):
        client.get_product(id)


def test_many_products_are_stored_and_listed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.client.catalog.BATCH_PRODUCTS", 3)
    products: list[dict[str, Any]] = [
        {"id": f"many{n}", "category": "many", "images": [png(f"rgb(9,9,{n})")]} for n in range(7)
    ]
    items = list(client.put_products(product for product in [*products, {"id": "bad"}]))
    assert [item.status for item in items] == ["created"] * 7 + ["rejected"] and items[-1].error is not None
    listed = list(client.list_products(filter={"category": {"eq": "many"}}, page_size=2))
    assert [product.id for product in listed] == [f"many{n}" for n in range(7)]
    for product in listed:
        client.delete_product(product.id)


def test_health(client: Client) -> None:
    assert client.alive().status == "ok"
    assert client.ready().encoder == "fake"


def test_a_wrong_key_and_a_wrong_port(url: str) -> None:
    with Client(url, api_key="wt_other") as stranger, pytest.raises(KeyRefusedError):
        stranger.search("a")
    with Client("http://127.0.0.1:9") as lost, pytest.raises(ConnectionFailedError, match="withthis serve"):
        lost.alive()


def test_rules_are_replaced_as_a_whole(client: Any) -> None:
    rule = {"name": "no mugs", "exclude": {"category": {"eq": "mug"}}}
    assert [one.name for one in client.put_rules([rule]).rules] == ["no mugs"]
    assert client.put_rules(client.rules()) == client.rules()
    answer = client.search("a mug", limit=20)
    assert answer.rules == ["no mugs"] and {result.product.category for result in answer.results} == {"cap"}
    with pytest.raises(InvalidRequestError):
        client.put_rules([rule, rule])
    assert client.put_rules([]).rules == []
