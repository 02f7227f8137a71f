"""Agents' tools, called by the client of the official SDK over HTTP."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from service.app import create_app
from service.cli.mcp import RemoteShop, new_client
from service.client import AsyncClient
from service.client.errors import problem_error
from service.errors import ConfigurationError, Overloaded, StoreUnavailable
from service.server.access.api_keys import hash_key
from service.server.mcp.protocol import new_server
from service.server.mcp.tools import TOOLS
from service.settings import load_settings
from tests.fakes import Shop, make_shop, png
from tests.integration.live import live

SECRET, WRITER = "wt_agent", "wt_writer"
KEYS = [
    {"name": "agent", "sha256": hash_key(SECRET), "scopes": ["search"]},
    {"name": "writer", "sha256": hash_key(WRITER), "scopes": ["write"]},
]
Use = Callable[[Client], Coroutine[Any, Any, Any]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Twenty products, for agents with a key."""
    return make_shop(tmp_path_factory.mktemp("shop"), mcp=True, api_keys=KEYS)


@pytest.fixture(scope="module")
def url(shop: Shop) -> Iterator[str]:
    """Where it answers."""
    with live(shop) as address:
        yield address


def agent(url: str, use: Use, path: str = "/mcp") -> Any:
    """What an agent with the key gets."""

    async def run() -> Any:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {SECRET}"}) as http,
            Client(streamable_http_client(f"{url}{path}", http_client=http)) as client,
        ):
            return await use(client)

    return anyio.run(run)


def call(url: str, name: str, path: str = "/mcp", **arguments: Any) -> Any:
    """The content of an answer, which is the same as text and as structure."""
    answer = agent(url, lambda client: client.call_tool(name, arguments), path)
    assert not answer.is_error, answer.content
    assert json.loads(answer.content[0].text) == answer.structured_content
    return answer.structured_content


def refused(url: str, name: str, **arguments: Any) -> str:
    answer = agent(url, lambda client: client.call_tool(name, arguments))
    assert answer.is_error
    text: str = answer.content[0].text
    return text


def test_the_tools_are_listed_with_their_bounds(url: str) -> None:
    tools = {tool.name: tool for tool in agent(url, lambda client: client.list_tools()).tools}
    assert set(tools) == set(TOOLS) == {"search_products", "get_product", "similar_products"}
    for tool in tools.values():
        assert tool.description and tool.output_schema and tool.annotations.read_only_hint
        assert tool.input_schema["additionalProperties"] is False
    properties = tools["search_products"].input_schema["properties"]
    assert properties["sort"]["maxItems"] == 4 and "rerank" not in properties


def test_products_are_found_by_words_and_images_with_whole_addresses(url: str) -> None:
    found = call(url, "search_products", text="a mug", limit=3, filter={"category": {"eq": "mug"}})
    assert len(found["results"]) == 3 and {one["product"]["category"] for one in found["results"]} == {"mug"}
    assert [one["rank"] for one in found["results"]] == [1, 2, 3]
    address = found["results"][0]["product"]["image_url"]
    assert address.startswith(f"{url}/v1/images/")
    assert httpx.get(address, headers={"X-API-Key": SECRET}).content.startswith(b"\x89PNG")
    plain = httpx.post(f"{url}/v1/search", json={"text": "a mug", "limit": 3}, headers={"X-API-Key": SECRET}).json()
    assert [one["product"]["id"] for one in call(url, "search_products", text="a mug", limit=3)["results"]] == [
        one["product"]["id"] for one in plain["results"]
    ]
    assert call(url, "search_products", image={"product_id": "p3"}, limit=1)["results"]


def test_a_product_and_what_is_like_it(url: str) -> None:
    assert call(url, "get_product", product_id="p3")["title"] == "Product 3"
    assert call(url, "get_product", product_id="p3")["image_urls"][0].startswith(f"{url}/v1/images/")
    alike = call(url, "similar_products", product_id="p3", limit=50, filter={"category": {"eq": "cap"}})
    assert {one["product"]["id"] for one in alike["results"]} == {f"p{number}" for number in range(1, 20, 2)} - {"p3"}
    other = call(url, "similar_products", product_id="p3", text="this in red", limit=2)
    assert len(other["results"]) == 2


def test_a_catalog_by_its_name_has_the_tools_too(url: str) -> None:
    assert call(url, "get_product", path="/v1/catalogs/default/mcp", product_id="p1")["id"] == "p1"


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("search_products", {}, "Give a text, an image, or both"),
        ("search_products", {"text": "a", "limit": 0}, "/limit: Must be at least 1."),
        ("search_products", {"text": "a", "limit": 10_000}, "limit"),
        ("search_products", {"text": "a" * 3000}, "characters"),
        ("search_products", {"text": "a", "colour": "red"}, "/colour: This field is not known"),
        ("search_products", {"text": "a", "filter": {"colour": 1}}, "/filter/colour: This field is not known"),
        ("search_products", {"image": {"data": "data:,x"}}, "image"),
        ("get_product", {"product_id": "nobody"}, "No product has this id"),
        ("get_product", {}, "/product_id: This field is required."),
        ("similar_products", {"product_id": "nobody"}, "No product has this id"),
        ("buy", {}, "There is no such tool. The tools are search_products"),
    ],
)
def test_what_is_wrong_is_told_to_the_model(url: str, name: str, arguments: dict[str, Any], text: str) -> None:
    assert text in refused(url, name, **arguments)


def test_an_outage_is_told_without_its_words(url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.store, "failure", StoreUnavailable())
    assert "store does not answer" in refused(url, "search_products", text="a mug").lower()
    monkeypatch.setattr(shop.store, "failure", ValueError("a secret"))
    assert "secret" not in refused(url, "get_product", product_id="p1")


def message(method: str = "tools/list") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method}


def test_keys_and_bounds_are_those_of_the_api(url: str) -> None:
    headers = {"Accept": "application/json, text/event-stream"}
    key = headers | {"X-API-Key": SECRET}
    assert httpx.post(f"{url}/mcp", json=message(), headers=headers).status_code == 401
    assert httpx.post(f"{url}/mcp", json=message(), headers=headers | {"X-API-Key": WRITER}).status_code == 403
    assert httpx.post(f"{url}/mcp", json=message(), headers=key).status_code == 200
    assert httpx.get(f"{url}/mcp", headers=key).status_code == 405
    assert httpx.post(f"{url}/mcp", content="{}", headers=key).status_code == 415
    many = message() | {"params": {"many": [{}] * 20_000}}
    assert httpx.post(f"{url}/mcp", json=many, headers=key).json()["type"].endswith(":too-many-values")
    for broken in (b"{", b"[" * 9000, b"[]", b'"x"', b"\xff"):
        answer = httpx.post(f"{url}/mcp", content=broken, headers=key | {"Content-Type": "application/json"})
        assert answer.status_code == 400, broken


def test_a_query_image_is_sent_as_a_data_uri(url: str) -> None:
    image = {"data": "data:image/png;base64," + base64.b64encode(png("red")).decode()}
    assert call(url, "search_products", text="a mug with this", image=image, limit=2)["results"]


def test_the_tools_of_the_command_ask_the_service(url: str) -> None:
    async def run() -> None:
        settings = load_settings(client_key=SECRET)
        async with (
            new_client(url, settings) as service,
            Client(new_server("1", lambda _: RemoteShop(url, service))) as agent,
        ):
            found = await agent.call_tool("similar_products", {"product_id": "p3", "limit": 4})
            assert len(found.structured_content["results"]) == 4
            assert found.structured_content["results"][0]["product"]["image_url"].startswith(f"{url}/v1/images/")
            told = await agent.call_tool("get_product", {"product_id": "nobody"})
            assert told.is_error and "No product has this id" in str(told.content[0])

    anyio.run(run)


def test_what_is_asked_wrongly_by_the_command_is_told_and_not_logged(
    url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told(name: str, arguments: dict[str, Any]) -> str:
        async with (
            new_client(url, load_settings(client_key=SECRET)) as service,
            Client(new_server("1", lambda _: RemoteShop(url, service))) as agent,
        ):
            return str((await agent.call_tool(name, arguments)).content[0])

    assert "The query is empty" in anyio.run(told, "search_products", {"text": ""})
    assert "There is no such product" in anyio.run(told, "get_product", {"product_id": "nobody"})
    busy = Overloaded(retry_after_s=7)
    monkeypatch.setattr(AsyncClient, "get_product", raising(problem_error(429, busy.problem(), 7.0)))
    assert "Try again after 7" in anyio.run(told, "get_product", {"product_id": "p1"})
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def raising(error: Exception) -> Any:
    async def method(*_: Any) -> None:
        raise error

    return method


def test_tools_are_off_unless_asked_for_and_need_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = make_shop(tmp_path / "quiet")
    assert "/mcp" not in {route.path for route in create_app(quiet.settings, quiet.service).routes}
    monkeypatch.setitem(sys.modules, "service.server.mcp.endpoint", None)
    asked = make_shop(tmp_path / "asked", mcp=True)
    with pytest.raises(ConfigurationError, match="withthis\\[mcp\\]"):
        create_app(asked.settings, asked.service)
