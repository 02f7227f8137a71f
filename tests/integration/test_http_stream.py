"""`POST /v1/search/stream` over real HTTP: two events, a slot for each, and clients that hang up."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.errors import StoreUnavailable
from tests.fakes import Shop, make_shop, png
from tests.integration.live import live

Event = tuple[str, dict[str, Any]]


def read_events(response: httpx.Response) -> Iterator[Event]:
    """The events of a stream as they come; comments are skipped."""
    name = ""
    for line in response.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def stream(url: str, **body: object) -> list[Event]:
    with httpx.stream("POST", f"{url}/v1/search/stream", json=body, timeout=30) as response:
        assert response.status_code == 200
        return list(read_events(response))


def counted(url: str, name: str, **labels: str) -> float:
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    with live(shop) as address:
        yield address


def test_the_order_of_retrieval_comes_first_and_then_the_answer_of_a_search(url: str) -> None:
    (first, retrieved), (second, ranked) = stream(url, text="a mug", limit=4)
    assert (first, second) == ("retrieved", "ranked")
    assert [result["retrieval_rank"] for result in retrieved["results"]] == [1, 2, 3, 4]
    assert retrieved["rerank"]["applied"] is False
    assert retrieved["id"] == ranked["id"]
    whole = httpx.post(f"{url}/v1/search", json={"text": "a mug", "limit": 4}).json()
    assert ranked["results"] == whole["results"]
    assert ranked["rerank"] == whole["rerank"]


def test_the_first_order_is_sent_while_the_reranker_is_at_work(shop: Shop, url: str) -> None:
    shop.strategy.block = threading.Event()
    with httpx.stream("POST", f"{url}/v1/search/stream", json={"text": "a mug"}, timeout=30) as response:
        events = read_events(response)
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert next(events)[0] == "retrieved"  # the reranker has not answered
        shop.strategy.block.set()
        assert next(events)[0] == "ranked"


def test_an_image_can_be_uploaded(url: str) -> None:
    parts = {"image": ("query.png", png(), "image/png"), "query": ("q.json", b'{"limit": 2}', "application/json")}
    with httpx.stream("POST", f"{url}/v1/search/stream", files=parts, timeout=30) as response:
        (_, retrieved), (_, ranked) = read_events(response)
    assert len(retrieved["results"]) == 2
    assert ranked["query"]["caption"] == "a leopard"


def test_without_reranking_both_events_hold_the_same_order(url: str) -> None:
    (_, retrieved), (event, ranked) = stream(url, text="a mug", rerank={"enabled": False})
    assert event == "ranked"
    assert retrieved["results"] == ranked["results"]


@pytest.mark.parametrize(
    ("body", "status", "type_"),
    [({"text": " "}, 400, "empty-query"), ({"text": "a", "limit": 0}, 400, "invalid-value")],
)
def test_what_is_wrong_with_a_request_is_an_ordinary_error(url: str, body: object, status: int, type_: str) -> None:
    response = httpx.post(f"{url}/v1/search/stream", json=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:withthis:problem:{type_}"


def test_a_store_that_is_away_is_503(shop: Shop, url: str) -> None:
    shop.store.failure = StoreUnavailable()
    assert httpx.post(f"{url}/v1/search/stream", json={"text": "a mug"}).status_code == 503


def test_a_failure_after_the_first_event_is_a_problem_in_the_second(shop: Shop, url: str) -> None:
    shop.strategy.raises = RuntimeError("secret at 0x7f")
    (_, retrieved), (event, problem) = stream(url, text="a mug", rerank={"require": True})
    assert len(retrieved["results"]) == 9
    assert event == "problem"
    assert problem["type"] == "urn:withthis:problem:rerank-required"
    assert problem["status"] == 503
    assert "secret" not in json.dumps(problem)
    assert counted(url, "withthis_degraded_total", reason="rerank_error") == 1


def test_a_degraded_answer_says_so(shop: Shop, url: str) -> None:
    shop.strategy.raises = RuntimeError("broken")
    _, (event, ranked) = stream(url, text="a mug")
    assert event == "ranked"
    assert ranked["rerank"]["degraded"] == "rerank_error"
    assert [result["retrieval_rank"] for result in ranked["results"]] == list(range(1, 10))


def test_streams_are_counted_like_searches(url: str) -> None:
    stream(url, text="a mug")
    assert counted(url, "withthis_stage_seconds_count", stage="rerank") == 1
    assert counted(url, "withthis_rerank_faults_total", fault="ok") == 1
    assert counted(url, "withthis_requests_total", route="/v1/search/stream", status="200") == 1


def test_events_come_while_no_slot_is_held(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, search_concurrency=1, search_queue=0, rerank_concurrency=1, rerank_queue=0)
    shop.strategy.block = threading.Event()
    body = {"text": "a mug"}
    with live(shop) as url, httpx.stream("POST", f"{url}/v1/search/stream", json=body, timeout=30) as response:
        events = read_events(response)
        next(events)  # its first half is over
        (_, retrieved), (_, second) = stream(url, **body)  # another one finds its slot free, and the model busy
        assert retrieved["results"] == second["results"]
        assert second["rerank"]["degraded"] == "rerank_overloaded"
        shop.strategy.block.set()
        assert next(events)[0] == "ranked"


def test_a_client_that_goes_away_gives_its_slot_back(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, rerank_concurrency=1, rerank_queue=0)
    shop.strategy.block = threading.Event()
    with live(shop) as url:
        with httpx.stream("POST", f"{url}/v1/search/stream", json={"text": "a mug"}, timeout=30) as response:
            next(read_events(response))
        shop.strategy.block.set()  # what was being computed ends
        until(lambda: httpx.post(f"{url}/v1/search", json={"text": "a mug"}).json()["rerank"]["applied"])


def test_a_client_that_goes_away_leaves_the_queue(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, rerank_concurrency=1)
    shop.strategy.block = threading.Event()
    body = {"text": "a mug"}
    with live(shop) as url, httpx.stream("POST", f"{url}/v1/search/stream", json=body, timeout=30) as response:
        events = read_events(response)
        next(events)
        with httpx.stream("POST", f"{url}/v1/search/stream", json=body, timeout=30) as other:
            others = read_events(other)
            next(others)
            until(lambda: counted(url, "withthis_queue_waiting", queue="rerank") == 1)
        until(lambda: counted(url, "withthis_queue_waiting", queue="rerank") == 0)
        shop.strategy.block.set()
        assert next(events)[0] == "ranked"
        assert len(shop.strategy.calls) == 1


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
