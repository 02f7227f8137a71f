"""Kinds of work do not wait for each other: what hangs costs its own kind, and others go on."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from litestar.types import HTTPReceiveMessage, Message

from service.app import bulkhead_sizes, online_options, request_defaults
from service.cli import server
from service.images.decode import DecodedImage
from service.search.online.evaluation import OnlineEvaluation
from service.search.types import SearchRequest
from service.server.bulkheads import Bulkheads
from service.server.observability.metrics import Metrics
from service.server.routes.search_halves import SearchHalves
from service.server.routes.stream import SearchStream
from tests.conftest import open_client
from tests.fakes import make_shop, png
from tests.integration.live import live
from tests.integration.test_clients_gone import sample, until

PLAIN = {"text": "a mug", "rerank": {"enabled": False}}
RERANKED = {"text": "a mug"}
DOCUMENTS = {"query": "a mug", "documents": ["a cup", "a cap"]}
INPUT = {"input": ["a mug", "a cap"]}


@pytest.fixture
def let_go() -> Iterator[threading.Event]:
    """What hangs goes on once this is set."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Clients."""
    with ThreadPoolExecutor(64) as clients:
        yield clients


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """One for all requests, since each of its own would read the system's authorities."""
    with httpx.Client(timeout=60, limits=httpx.Limits(max_connections=100)) as client:
        yield client


def test_a_model_that_hangs_costs_reranked_searches_alone(
    http: httpx.Client, tmp_path: Path, let_go: threading.Event, pool: ThreadPoolExecutor
) -> None:
    shop = make_shop(tmp_path, search_concurrency=1, search_queue=0, rerank_concurrency=2, rerank_queue=8)
    shop.strategy.block = let_go
    with live(shop) as url:
        hanging = []
        for number in range(10):  # one at a time through retrieval, whose only slot they give back
            hanging.append(pool.submit(http.post, f"{url}/v1/search", json=RERANKED))
            until(lambda: under_way(url, "rerank") == number + 1)  # noqa: B023 (called here)
        further = http.post(f"{url}/v1/search", json=RERANKED).json()
        assert further["rerank"]["degraded"] == "rerank_overloaded" and len(further["results"]) == 9
        required = http.post(f"{url}/v1/search", json={"text": "a mug", "rerank": {"require": True}})
        assert required.status_code == 503 and "rerank.require" in required.json()["detail"]
        for _ in range(4):
            assert http.post(f"{url}/v1/search", json=PLAIN).status_code == 200
        assert http.post(f"{url}/v1/embeddings", json=INPUT).status_code == 200
        assert http.patch(f"{url}/v1/products/p1", json={"title": "A mug"}).status_code == 200
        assert http.get(f"{url}/v1/products/p1").status_code == 200
        assert http.get(f"{url}/readyz").status_code == 200
        assert not any(one.done() for one in hanging)
        let_go.set()
        assert all(one.result().json()["rerank"]["applied"] for one in hanging)
        assert http.post(f"{url}/v1/search", json=RERANKED).json()["rerank"]["applied"], "all is as before"
        assert under_way(url, "rerank") == 0


def test_documents_that_hang_leave_searches_their_slots(
    http: httpx.Client, tmp_path: Path, let_go: threading.Event, pool: ThreadPoolExecutor
) -> None:
    shop = make_shop(tmp_path, compatible_concurrency=1, rerank_concurrency=1)
    shop.strategy.block = let_go
    with live(shop) as url:
        hangs = pool.submit(http.post, f"{url}/v1/rerank", json=DOCUMENTS)
        until(lambda: len(shop.strategy.calls) == 1)
        shop.strategy.block = None
        assert http.post(f"{url}/v1/search", json=RERANKED).json()["rerank"]["applied"]
        assert http.post(f"{url}/v1/embeddings", json=INPUT).status_code == 200
        assert not hangs.done()
        let_go.set()
        assert hangs.result().status_code == 200


def test_a_store_that_hangs_is_asked_once_by_all_probes_and_images_go_on(
    http: httpx.Client, tmp_path: Path, let_go: threading.Event, pool: ThreadPoolExecutor
) -> None:
    shop = make_shop(tmp_path)
    key = next(iter(shop.store.rows.values())).product.image_key
    with live(shop) as url:
        shop.store.block, shop.store.asked = let_go, 0
        probes = [pool.submit(http.get, f"{url}/readyz") for _ in range(45)]
        until(lambda: shop.store.asked == 1)
        products = [pool.submit(http.get, f"{url}/v1/products/p1") for _ in range(10)]
        until(lambda: under_way(url, "catalog") == 10)
        image = http.get(f"{url}/v1/images/{key}")
        assert image.status_code == 200 and image.content
        assert http.get(f"{url}/healthz").status_code == 200
        assert shop.store.asked == 1, "one probe prepares the store, and everybody else waits for that"
        let_go.set()
        assert {probe.result().json()["rows"] for probe in probes} == {20}
        assert {product.result().status_code for product in products} == {200}


def test_the_answers_of_a_client_that_reads_nothing_hold_no_slot(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    bulkheads = Bulkheads.of_sizes(bulkhead_sizes(shop.settings))
    held: list[int] = []

    async def read_nothing(message: Message) -> None:
        held.append(sum(room.in_use for room in bulkheads.named().values()))
        await anyio.lowlevel.checkpoint()

    async def stays() -> HTTPReceiveMessage:
        await anyio.sleep_forever()
        raise AssertionError

    async def answer() -> None:
        metrics = Metrics()
        online = OnlineEvaluation(online_options(shop.settings), partial(metrics.search_logged, "default"))
        halves = SearchHalves(shop.parts, request_defaults(shop.settings), bulkheads, metrics, online)
        stream = SearchStream(SearchRequest(text="a mug"), halves)
        await stream({}, stays, read_nothing)  # type: ignore[arg-type]

    anyio.run(answer)
    assert held == [0, 0, 0]  # status, first order, second order


def test_a_service_that_is_told_to_stop_answers_without_the_model_that_hangs(
    http: httpx.Client,
    tmp_path: Path,
    let_go: threading.Event,
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "HURRY_S", server.GRACE_S)  # at once
    shop = make_shop(tmp_path, rerank_concurrency=1)
    shop.strategy.block = let_go
    body = {"text": "a mug", "rerank": {"deadline_ms": 120_000}}
    with live(shop) as url:
        hanging = [pool.submit(http.post, f"{url}/v1/search", json=body) for _ in range(3)]
        until(lambda: under_way(url, "rerank") == 3)
    degraded = sorted(one.result().json()["rerank"]["degraded"] for one in hanging)
    assert degraded == ["rerank_overloaded", "rerank_overloaded", "rerank_timeout"]


@pytest.mark.parametrize(("path", "field"), [("/v1/embeddings", "input"), ("/v1/rerank", "documents")])
def test_the_pixels_of_a_request_are_bounded_before_any_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, field: str
) -> None:
    shop = make_shop(tmp_path, max_request_pixels=24 * 16 * 3)
    decoded: list[bytes] = []
    decode = shop.parts.image_loader.decode

    def counting(data: bytes) -> DecodedImage:
        decoded.append(data)
        return decode(data)

    monkeypatch.setattr(shop.parts.image_loader, "decode", counting)
    with open_client(shop) as client:
        few = client.post(path, json=_body(field, 3))
        assert few.status_code == 200, few.json()
        assert len(decoded) == 3
        many = client.post(path, json=_body(field, 4))
    assert (many.status_code, len(decoded)) == (413, 3)
    assert many.json()["errors"][0]["pointer"] == f"/{field}/3"


def test_a_deadline_beyond_the_longest_is_refused_with_the_number(tmp_path: Path) -> None:
    with open_client(make_shop(tmp_path, rerank_max_deadline_ms=30_000)) as client:
        refused = client.post("/v1/search", json={"text": "a mug", "rerank": {"deadline_ms": 30_001}})
        assert refused.status_code == 400 and "30000" in refused.json()["detail"]
        assert client.post("/v1/search", json={"text": "a mug", "rerank": {"deadline_ms": 30_000}}).status_code == 200
        assert client.get("/v1/search/options").json()["limits"]["deadline_ms"] == 30_000


def under_way(url: str, bulkhead: str) -> float:
    """Calls of a kind that work or wait."""
    waiting = sample(url, f'withthis_queue_waiting{{queue="{bulkhead}"}} ')
    return waiting + sample(url, f'withthis_slots_in_use{{bulkhead="{bulkhead}"}} ')


def _body(field: str, images: int) -> dict[str, Any]:
    image = {"content": [{"type": "image_url", "image_url": {"url": _uri()}}]}
    return {field: [image] * images, **({"query": "a mug"} if field == "documents" else {})}


def _uri() -> str:
    return "data:image/png;base64," + base64.b64encode(png()).decode()
