"""Clients that hang up, over real HTTP: their places and slots go to others, and their waiting searches never run;
what is in progress for them ends."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rerank.cancellation import current_cancellation
from service.search.content_embedding import ENCODE_BATCH
from tests.fakes import Shop, make_shop
from tests.integration.live import live

QUEUE = 2
BODIES: dict[str, dict[str, Any]] = {
    "/v1/search": {"text": "a mug", "rerank": {"enabled": False}},
    "/v1/rerank": {"query": "a mug", "documents": ["a cup", "a cap"]},
    "/v1/embeddings": {"input": ["a mug"] * ENCODE_BATCH},
}
ROOMS = {"/v1/search": "search", "/v1/rerank": "documents", "/v1/embeddings": "embeddings"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """One slot and two places in the waiting room of each kind, and models that work until they are let go."""
    shop = make_shop(tmp_path, search_concurrency=1, compatible_concurrency=1, search_queue=QUEUE)
    shop.strategy.block = shop.encoder.block = threading.Event()
    try:
        yield shop
    finally:
        shop.strategy.block.set()


class UntilGone(threading.Event):
    """Work that goes on until its client has gone, as an engine does that looks for it."""

    def wait(self, timeout: float | None = None) -> bool:
        cancellation = current_cancellation.get()
        assert cancellation is not None
        assert cancellation.wait(timeout or 30)
        return True


def ask(url: str, path: str = "/v1/search", body: dict[str, Any] | None = None) -> socket.socket:
    """Send a request and leave its answer to come; closing the socket is hanging up."""
    target = httpx.URL(url)
    content = json.dumps(body or BODIES[path]).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {target.host}\r\nContent-Type: application/json\r\n"
    connection = socket.create_connection((target.host, target.port or 80), timeout=30)
    connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return connection


def until(true: Callable[[], bool]) -> None:
    """Wait for what has to come."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def sample(url: str, name: str) -> float:
    """The sum of the lines of /metrics that have this name and these labels, whatever others they have."""
    (metric, *_), labels = name.split("{"), set(re.findall(r'\w+="[^"]*"', name))
    lines = [line for line in httpx.get(f"{url}/metrics").text.splitlines() if line.startswith(f"{metric}{{")]
    return sum(float(line.split()[-1]) for line in lines if labels <= set(re.findall(r'\w+="[^"]*"', line)))


def waiting(url: str, path: str = "/v1/search") -> float:
    return sample(url, f'withthis_queue_waiting{{queue="{ROOMS[path]}"}} ')


def asked(shop: Shop) -> int:
    """The number of calls of the strategy and of inputs of the encoder."""
    return len(shop.strategy.calls) + len(shop.encoder.seen)


@pytest.mark.parametrize("path", BODIES)
def test_a_place_in_the_waiting_room_is_free_at_once(shop: Shop, path: str) -> None:
    assert shop.strategy.block is not None
    each = len(BODIES[path].get("input", "1"))
    with live(shop) as url:
        at_work = ask(url, path)
        until(lambda: asked(shop) == each)
        for _ in range(2):  # places are given to new clients, again and again
            left = [ask(url, path) for _ in range(QUEUE)]
            until(lambda: waiting(url, path) == QUEUE)
            assert httpx.post(f"{url}{path}", json=BODIES[path]).status_code == 429
            for connection in left:
                connection.close()
            until(lambda: waiting(url, path) == 0)
        gone = f'withthis_requests_total{{method="POST",route="{path}",status="499"}} '
        until(lambda: sample(url, gone) == 2 * QUEUE)
        stays = ask(url, path)
        until(lambda: waiting(url, path) == 1)
        assert httpx.get(f"{url}/healthz").status_code == 200
        shop.strategy.block.set()
        for connection in (at_work, stays):
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
            connection.close()
        assert asked(shop) == 2 * each, "what nobody waited for was never worked on"


def test_a_slot_is_free_when_the_work_of_a_client_that_left_has_ended(shop: Shop) -> None:
    assert shop.encoder.block is not None
    with live(shop) as url:
        at_work = ask(url)
        until(lambda: asked(shop) == 1)
        at_work.close()
        stays = ask(url)
        until(lambda: waiting(url) == 1)
        assert asked(shop) == 1, "the slot stays taken while a thread works in it"
        shop.encoder.block.set()
        assert stays.recv(15) == b"HTTP/1.1 200 OK"
        stays.close()
        for _ in range(5):
            assert httpx.post(f"{url}/v1/search", json={"text": "a mug"}).status_code == 200
        assert waiting(url) == 0


def test_work_in_pieces_ends_between_two_of_them(shop: Shop) -> None:
    shop.encoder.block = UntilGone()
    with live(shop) as url:
        at_work = ask(url, "/v1/embeddings", {"input": ["a mug"] * 100})
        until(lambda: asked(shop) == ENCODE_BATCH)
        at_work.close()
        until(lambda: sample(url, 'withthis_slots_in_use{bulkhead="embeddings"} ') == 0)
    assert asked(shop) == ENCODE_BATCH


@pytest.mark.parametrize("path", ["/v1/search", "/v1/rerank"])
def test_the_model_is_told_and_its_slot_is_free_when_its_client_left(shop: Shop, path: str) -> None:
    shop.strategy.block, shop.encoder.block = UntilGone(), None
    body = {"text": "a mug", "rerank": {"deadline_ms": 120_000}} if path == "/v1/search" else BODIES[path]
    bulkhead = "rerank" if path == "/v1/search" else "rerank_documents"
    with live(shop) as url:
        at_work = ask(url, path, body)
        until(lambda: sample(url, f'withthis_slots_in_use{{bulkhead="{bulkhead}"}} ') == 1)
        at_work.close()
        until(lambda: sample(url, f'withthis_slots_in_use{{bulkhead="{bulkhead}"}} ') == 0)
        until(lambda: sample(url, f'withthis_requests_total{{method="POST",route="{path}",status="499"}} ') == 1)
        assert sample(url, 'withthis_degraded_total{reason="rerank_timeout"} ') == 0, (
            "an answer that nobody got is not counted"
        )


def test_waiting_ends_at_its_deadline(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, search_concurrency=1, search_queue=QUEUE, search_queue_wait_ms=50, retry_after_s=7)
    shop.encoder.block = threading.Event()
    with live(shop) as url:
        at_work = ask(url)
        until(lambda: asked(shop) == 1)
        refused = httpx.post(f"{url}/v1/search", json=BODIES["/v1/search"], timeout=30)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
        assert waiting(url) == 0
        shop.encoder.block.set()
        assert at_work.recv(15) == b"HTTP/1.1 200 OK"
        at_work.close()
