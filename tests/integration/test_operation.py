"""What operators see: metrics with bounded labels, request ids, logs without secrets, and a polite end."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from rerank.caption_cache import CaptionCache
from rerank.prompts import PromptLibrary
from rerank.strategies.listwise import ListwiseStrategy
from rerank.thumbnails import ThumbnailCache
from service.app import create_app
from service.build import assemble
from service.cli.server import PoliteServer
from service.encoders.batching import BatchingEncoder
from service.errors import StoreUnavailable
from service.server.access.api_keys import hash_key
from service.server.observability.request_log import JsonFormatter, chosen_id
from service.server.state import ServiceState
from tests.conftest import HOME, open_client
from tests.fakes import Shop, make_shop, png
from tests.unit.rerank.fakes import FakeEngine, says

Client = TestClient[Any]


def samples(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample at /metrics by name and labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def value(client: Client, name: str, **labels: str) -> float:
    """The sum over all samples that have these labels."""
    found = samples(client).items()
    return sum(number for (other, has), number in found if other == name and set(labels.items()) <= set(has))


def search(client: Client, **body: Any) -> httpx.Response:
    response: httpx.Response = client.post("/v1/search", json={"text": "a mug", **body})
    return response


def test_searches_are_counted_by_stage_fault_and_reason(shop: Shop, client: Client) -> None:
    search(client)
    shop.strategy.degraded = "rerank_timeout"
    search(client)
    route = {"route": "/v1/search", "method": "POST", "status": "200"}
    assert value(client, "withthis_requests_total", catalog="default", **route) == 2
    assert value(client, "withthis_stage_seconds_count", stage="embed") == 2
    assert value(client, "withthis_stage_seconds_count", stage="total") == 2
    assert value(client, "withthis_degraded_total", reason="rerank_timeout") == 1
    assert value(client, "withthis_rerank_faults_total", fault="ok") == 2
    assert value(client, "withthis_queue_waiting", queue="search") == 0
    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=")


def test_labels_are_bounded_whatever_is_asked(client: Client) -> None:
    search(client)
    client.get("/metrics")
    before = {key for key in samples(client) if "_created" not in key[0]}
    for number in range(20):
        client.get(f"/nothing/{number}")
        client.get(f"/v1/images/{number}")
        client.get(f"/v1/products/{number}")
        client.request("BREW", "/v1/search")
        client.post("/v1/search", json={"text": "a", "rerank": {"strategy": f"s{number}"}})
    names = {key for key in samples(client) if "_created" not in key[0]} - before
    routes = {dict(labels).get("route") for _, labels in names}
    assert routes <= {"none", "/v1/images/{key}", "/v1/products/{product_id}", "/v1/search", "/metrics", None}
    assert {dict(labels).get("method") for _, labels in names} <= {"GET", "POST", "other", None}


def test_batches_of_the_encoder_are_counted(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    encoder = BatchingEncoder(shop.encoder)
    parts = assemble(
        encoder=encoder, store=shop.store, images=shop.images, rerank=shop.parts.rerank, settings=shop.settings
    )
    with TestClient(create_app(shop.settings, ServiceState.of(parts)), base_url=HOME) as client:
        search(client)
        assert value(client, "withthis_encoder_batch_size_count") == 1
        assert value(client, "withthis_queue_waiting", queue="encoder") == 0
    encoder.close()


def test_look_ups_in_the_caches_are_counted(tmp_path: Path) -> None:
    captions, thumbnails = CaptionCache(), ThumbnailCache()
    engine, prompts = FakeEngine(says("[B, A]")), PromptLibrary.load()
    strategy = ListwiseStrategy(engine, prompts, captions, thumbnails)
    shop = make_shop(tmp_path, strategy=strategy)
    shop.parts.rerank.caches = {"caption": captions, "thumbnail": thumbnails}
    query = {"image": {"data": "data:image/png;base64," + base64.b64encode(png()).decode()}}
    with open_client(shop) as client:
        for _ in range(2):
            search(client, **query)
        for cache, misses in (("caption", 1), ("thumbnail", 9)):
            found = {
                result: value(client, "withthis_cache_lookups_total", cache=cache, result=result)
                for result in ("hit", "miss")
            }
            assert found == {"hit": misses, "miss": misses}


def test_a_search_that_waits_for_a_slot_of_the_reranker_shows(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, rerank_concurrency=1)
    shop.strategy.block = threading.Event()
    with open_client(shop) as client, ThreadPoolExecutor(1) as pool:
        search(client, rerank={"deadline_ms": 1})  # its call to the model holds the slot beyond the deadline
        second = pool.submit(search, client, rerank={"deadline_ms": 60_000})
        while not value(client, "withthis_queue_waiting", queue="rerank"):
            assert not second.done()
        shop.strategy.block.set()
        assert second.result().json()["rerank"]["applied"]
        assert value(client, "withthis_queue_waiting", queue="rerank") == 0


def test_every_answer_has_a_request_id_and_a_plain_one_is_kept(client: Client) -> None:
    for path in ("/healthz", "/nothing", "/v1/images/a", "/"):
        assert re.fullmatch(r"[0-9a-f]{32}", client.get(path).headers["x-request-id"])
        assert client.get(path, headers={"X-Request-Id": "shop-7.a_B"}).headers["x-request-id"] == "shop-7.a_B"
    assert client.get("/healthz").headers["x-request-id"] != client.get("/healthz").headers["x-request-id"]
    for odd in ("a b", "a" * 65, "", "a\tb", "é"):
        assert chosen_id(odd) != odd


def test_logs_tell_the_request_and_neither_images_nor_keys(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret, uri = "wt_very_secret", "data:image/png;base64," + base64.b64encode(png()).decode()
    keys = [{"name": "shop", "sha256": hash_key(secret), "scopes": ["admin"]}]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    shop = make_shop(tmp_path, api_keys=keys)
    headers = {"X-API-Key": secret, "X-Request-Id": "mine"}
    try:
        with caplog.at_level(logging.DEBUG), open_client(shop) as client:
            body = {"text": "private words", "image": {"data": uri}}
            assert client.post("/v1/search", json=body, headers=headers).status_code == 200
            client.get("/v1/products", params={"filter": '{"title": {"eq": "private words"}}'}, headers=headers)
            shop.store.failure = StoreUnavailable()
            client.post("/v1/search", json=body, headers=headers)
            shop.strategy.raises = RuntimeError("the model broke")
            shop.store.failure = None
            client.post("/v1/search", json=body, headers=headers)
    finally:
        logging.getLogger().removeHandler(handler)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    ours = [line for line in lines if line["logger"].startswith("service.")]
    assert {line["request_id"] for line in ours} == {"mine"}
    access = [line for line in ours if line["logger"] == "service.access"]
    assert [(line["route"], line["status"], line["key"]) for line in access] == [
        ("/v1/search", 200, "shop"),
        ("/v1/products", 200, "shop"),
        ("/v1/search", 503, "shop"),
        ("/v1/search", 200, "shop"),
    ]
    assert {line["catalog"] for line in access} == {"default"}
    assert any("the model broke" in line.get("exception", "") for line in ours)
    text = "\n".join(json.dumps(line) for line in ours)
    assert secret not in text and uri[30:60] not in text and "private words" not in text


@pytest.mark.parametrize("delay", [0.0, 1.0])
def test_told_to_stop_it_is_not_ready_at_once_and_answers_what_is_in_flight(tmp_path: Path, delay: float) -> None:
    shop = make_shop(tmp_path, shutdown_delay_s=delay)
    shop.strategy.block = threading.Event()
    app = create_app(shop.settings, shop.service)
    server = PoliteServer(app, shop.settings)
    sock = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        with ThreadPoolExecutor(1) as pool, httpx.Client(base_url=url, timeout=60) as client:
            while not server.started:
                time.sleep(0.01)
            assert client.get("/readyz").status_code == 200
            in_flight = pool.submit(httpx.post, f"{url}/v1/search", json={"text": "a mug"}, timeout=60)
            while not shop.strategy.calls:
                time.sleep(0.01)
            server.handle_exit(signal.SIGTERM, None)
            assert app.state.stopping
            if delay:
                stopping = client.get("/readyz")
                assert stopping.status_code == 503
                assert stopping.json()["type"] == "urn:withthis:problem:shutting-down"
                assert client.get("/healthz").status_code == 200
            assert not in_flight.done()
            shop.strategy.block.set()
            answer = in_flight.result()
            assert answer.status_code == 200 and len(answer.json()["results"]) == 9
        thread.join(30)
        assert not thread.is_alive()
    finally:
        shop.strategy.block.set()
        server.should_exit = True
        sock.close()
