"""Clients that hang up, over real HTTP: their places and slots go to others, and their waiting searches never run."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes import Shop, make_shop
from tests.integration.live import live

QUEUE = 2
BODIES: dict[str, dict[str, Any]] = {
    "/v1/search": {"text": "a mug"},
    "/v1/rerank": {"query": "a mug", "documents": ["a cup", "a cap"]},
    "/v1/embeddings": {"input": "a mug"},
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """One slot, two places in the waiting room, and a model that works until it is let go."""
    shop = make_shop(tmp_path, search_concurrency=1, search_queue=QUEUE)
    shop.strategy.block = threading.Event()
    try:
        yield shop
    finally:
        shop.strategy.block.set()


def ask(url: str, path: str = "/v1/search") -> socket.socket:
    """Send a request and leave its answer to come; closing the socket is hanging up."""
    target = httpx.URL(url)
    content = json.dumps(BODIES[path]).encode()
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
    """The value of a line of /metrics, 0 where there is none."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def waiting(url: str) -> float:
    return sample(url, 'withthis_queue_waiting{queue="search"} ')


@pytest.mark.parametrize("path", BODIES)
def test_a_place_in_the_waiting_room_is_free_at_once(shop: Shop, path: str) -> None:
    assert shop.strategy.block is not None
    with live(shop) as url:
        at_work = ask(url)
        until(lambda: len(shop.strategy.calls) == 1)
        for _ in range(2):  # places are given to new clients, again and again
            left = [ask(url, path) for _ in range(QUEUE)]
            until(lambda: waiting(url) == QUEUE)
            assert httpx.post(f"{url}/v1/search", json={"text": "a mug"}).status_code == 429
            for connection in left:
                connection.close()
            until(lambda: waiting(url) == 0)
        gone = f'withthis_requests_total{{method="POST",route="{path}",status="499"}} '
        until(lambda: sample(url, gone) == 2 * QUEUE)
        stays = ask(url)
        until(lambda: waiting(url) == 1)
        assert httpx.get(f"{url}/healthz").status_code == 200
        shop.strategy.block.set()
        for connection in (at_work, stays):
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
            connection.close()
        assert len(shop.strategy.calls) == len(shop.encoder.seen) == 2, "what nobody waited for was never worked on"


def test_a_slot_is_free_when_the_work_of_a_client_that_left_has_ended(shop: Shop) -> None:
    assert shop.strategy.block is not None
    with live(shop) as url:
        at_work = ask(url)
        until(lambda: len(shop.strategy.calls) == 1)
        at_work.close()
        stays = ask(url)
        until(lambda: waiting(url) == 1)
        assert len(shop.strategy.calls) == 1, "the slot stays taken while a thread works in it"
        shop.strategy.block.set()
        assert stays.recv(15) == b"HTTP/1.1 200 OK"
        stays.close()
        for _ in range(5):
            assert httpx.post(f"{url}/v1/search", json={"text": "a mug"}).status_code == 200
        assert waiting(url) == 0


def test_waiting_ends_at_its_deadline(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, search_concurrency=1, search_queue=QUEUE, search_queue_wait_ms=50, retry_after_s=7)
    shop.strategy.block = threading.Event()
    with live(shop) as url:
        at_work = ask(url)
        until(lambda: len(shop.strategy.calls) == 1)
        refused = httpx.post(f"{url}/v1/search", json={"text": "a mug"}, timeout=30)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
        assert waiting(url) == 0
        shop.strategy.block.set()
        assert at_work.recv(15) == b"HTTP/1.1 200 OK"
        at_work.close()
