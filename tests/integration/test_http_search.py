"""`POST /v1/search` over HTTP: both forms of a request, the answer's shape, and every kind of bad input."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from litestar.testing import TestClient
from PIL import Image

from service.errors import StoreUnavailable
from tests.conftest import open_client
from tests.contract.test_errors import assert_problem
from tests.fakes import Shop, make_shop, png

Client = TestClient[Any]


def data_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def search(client: Client, **body: object) -> Response:
    response: Response = client.post("/v1/search", json=body)
    return response


def text_part(name: str, content: bytes) -> bytes:
    """A multipart body with one part that is no file."""
    return f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + content + b"\r\n--x--\r\n"


def huge_png() -> bytes:
    """9,000 x 9,000 one-bit pixels in a few kilobytes."""
    buffer = io.BytesIO()
    Image.new("1", (9000, 9000)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_composed_search_answers_with_ranking_and_provenance(client: Client) -> None:
    response = search(client, text="a mug with this", image={"data": data_uri(png())}, limit=4)
    assert response.status_code == 200
    answer = response.json()
    assert answer["query"] == {"caption": "a leopard", "truncated": False, "images": 1}
    assert [result["rank"] for result in answer["results"]] == [1, 2, 3, 4]
    assert [result["retrieval_rank"] for result in answer["results"]] == [9, 8, 7, 6]  # the first of nine candidates
    first = answer["results"][0]
    assert first["product"].keys() == {"id", "title", "category", "price", "attributes", "image_url"}
    assert first["scores"]["rerank"] == pytest.approx(8 / 9)
    assert answer["rerank"] == {
        "applied": True,
        "engine": "fake",
        "strategy": "listwise",
        "prompt": "rank-panel@1",
        "fault": "ok",
        "repaired": [],
        "reason": "the last one shows it best",
        "reason_fault": None,
        "degraded": None,
        "interleaved": False,
        "dropped": 0,
        "refined": None,
    }
    assert {"decode", "embed", "retrieve", "caption", "rerank", "total"} <= answer["timings_ms"].keys()


def test_the_image_of_a_result_can_be_fetched(client: Client) -> None:
    url = search(client, text="a mug").json()["results"][0]["product"]["image_url"]
    image = client.get(url)
    assert image.headers["content-type"] == "image/png"
    assert image.headers["x-content-type-options"] == "nosniff"
    assert Image.open(io.BytesIO(image.content)).size == (24, 16)
    thumbnail = client.get(url, params={"size": 128})
    assert thumbnail.headers["content-type"] == "image/jpeg"


def test_multipart_is_the_same_as_json(client: Client) -> None:
    query = {"text": "a mug with this", "limit": 5}
    multipart = client.post(
        "/v1/search", files={"image": ("query.png", png(), "image/png")}, data={"query": json.dumps(query)}
    )
    inline = search(client, **query, image={"data": data_uri(png())})
    assert multipart.status_code == 200
    assert multipart.json()["results"] == inline.json()["results"]


def test_multipart_takes_the_image_alone_and_the_query_as_a_file(client: Client) -> None:
    alone = client.post("/v1/search", files={"image": ("query.png", png(), "image/png")})
    assert len(alone.json()["results"]) == 9
    files = {"image": ("q.png", png(), "image/png"), "query": ("q.json", b'{"limit": 2}', "application/json")}
    assert len(client.post("/v1/search", files=files).json()["results"]) == 2


def test_a_product_is_an_image_too(client: Client) -> None:
    answer = search(client, text="like this", image={"product_id": "p3"}, limit=100).json()
    assert len(answer["results"]) == 19
    assert "p3" not in {result["product"]["id"] for result in answer["results"]}


def test_a_threshold_of_similarity_cuts_the_answer_before_it_is_reranked(client: Client) -> None:
    dense = {"text": "a mug", "limit": 100, "hybrid": {"enabled": False}}
    everything = search(client, **dense, rerank={"enabled": False}).json()["results"]
    least = everything[4]["scores"]["retrieval"]
    answer = search(client, **dense, min_score=least).json()
    assert [result["retrieval_rank"] for result in answer["results"]] == [5, 4, 3, 2, 1]
    assert search(client, text="a mug", min_score=1).json()["results"] == []
    assert len(search(client, text="a mug", limit=100, min_score=-1).json()["results"]) == 20


def test_settings_decide_where_a_request_says_nothing(tmp_path: Path) -> None:
    with open_client(make_shop(tmp_path, default_limit=3, rerank_enabled=False)) as client:
        answer = search(client, text="a mug").json()
        assert len(answer["results"]) == 3
        assert answer["rerank"]["applied"] is False
        assert search(client, text="a mug", rerank={"enabled": True}).json()["rerank"]["applied"] is True
        assert search(client, text="a mug", rerank={"require": True}).json()["rerank"]["applied"] is True


@pytest.mark.parametrize(
    ("body", "status", "type_"),
    [
        ({}, 400, "empty-query"),
        ({"text": "   "}, 400, "empty-query"),
        ({"text": "a", "limit": 0}, 400, "invalid-value"),
        ({"text": "a", "limit": 101}, 400, "invalid-value"),
        ({"text": "a", "limit": "9"}, 400, "invalid-value"),
        ({"text": "a", "min_score": 1.01}, 400, "invalid-value"),
        ({"text": "a", "min_score": "0.5"}, 400, "invalid-value"),
        ({"text": "a", "limit": True}, 400, "invalid-value"),
        ({"text": 7}, 400, "invalid-value"),
        ({"text": "a" * 2001}, 400, "invalid-value"),
        ({"text": "a", "colour": "red"}, 400, "unknown-field"),
        ({"text": "a", "rerank": {"model_path": "/etc"}}, 400, "unknown-field"),
        ({"text": "a", "rerank": {"strategy": "magic"}}, 400, "invalid-value"),
        ({"text": "a", "rerank": {"prompt": "magic"}}, 400, "invalid-value"),
        ({"text": "a", "rerank": {"candidates": 0}}, 400, "invalid-value"),
        ({"text": "a", "rerank": {"fusion_weight": 1.5}}, 400, "invalid-value"),
        ({"text": "a", "rerank": {"deadline_ms": 0}}, 400, "invalid-value"),
        ({"text": "a", "rerank": {"enabled": False, "require": True}}, 400, "invalid-value"),
        ({"text": "a", "filter": {"weight": {"eq": 1}}}, 400, "invalid-filter"),
        ({"text": "a", "filter": {"price": {"like": "5"}}}, 400, "invalid-filter"),
        ({"text": "a", "filter": "price < 5"}, 400, "invalid-filter"),
        ({"image": {}}, 400, "invalid-value"),
        ({"image": {"data": "x", "product_id": "p1"}}, 400, "invalid-value"),
        ({"image": {"url": "http://127.0.0.1/a.png"}}, 400, "invalid-value"),
        ({"image": {"product_id": "nobody"}}, 404, "unknown-product"),
        ({"image": {"data": "data:image/png;base64,AAAA"}}, 422, "not-an-image"),
        ({"image": {"data": "file:///etc/passwd"}}, 422, "not-an-image"),
        ({"image": {"data": data_uri(huge_png())}}, 413, "image-too-large"),
        ({"image": {"data": data_uri(png(size=(1, 1)))}}, 422, "image-too-small"),
        ({"image": {"data": data_uri(png()[:60])}}, 422, "corrupt-image"),
        ({"image": {"data": data_uri(b"GIF89a" + bytes(50))}}, 415, "unsupported-image"),
    ],
)
def test_bad_input_is_a_problem_that_says_what_to_do(client: Client, body: Any, status: int, type_: str) -> None:
    response = client.post("/v1/search", json=body)
    problem = response.json()
    assert (response.status_code, problem["type"]) == (status, f"urn:withthis:problem:{type_}")
    assert response.headers["content-type"] == "application/problem+json"
    assert "0x" not in response.text
    assert search(client, text="a mug").status_code == 200  # and the service goes on


def test_a_problem_points_at_the_field(client: Client) -> None:
    problem = search(client, text="a", limit=0, rerank={"fusion_weight": 2.0}).json()
    assert problem["errors"] == [
        {"pointer": "/limit", "detail": "Must be at least 1."},
        {"pointer": "/rerank/fusion_weight", "detail": "Must be at most 1.0."},
    ]


def test_images_by_address_are_off_and_say_so(client: Client) -> None:
    assert search(client, image={"url": "https://example.org/a.png"}).json()["detail"].startswith("Image URLs are off")


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"text": "\\ud800"}', "application/json", 400),
        (b"[]", "application/json", 400),
        (b"", "application/json", 400),
        (b"text=a", "application/x-www-form-urlencoded", 415),
        (b"a mug", "text/plain", 415),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 400),
        (b"", "multipart/form-data; boundary=x", 400),
        (b"", "multipart/form-data", 400),
        (text_part("query", b"\xff"), "multipart/form-data; boundary=x", 400),
        (text_part("image", b"no"), "multipart/form-data; boundary=x", 422),
        (text_part("other", b"no"), "multipart/form-data; boundary=x", 400),
    ],
)
def test_bodies_that_cannot_be_read(client: Client, content: bytes, content_type: str, status: int) -> None:
    response = client.post("/v1/search", content=content, headers={"Content-Type": content_type})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_one_part_twice_and_the_image_twice(client: Client) -> None:
    twice = [("image", ("a.png", png())), ("image", ("b.png", png()))]
    assert client.post("/v1/search", files=twice).status_code == 400
    query = json.dumps({"image": {"product_id": "p1"}})
    both = client.post("/v1/search", files={"image": ("a.png", png())}, data={"query": query})
    assert both.status_code == 400
    assert "twice" in both.json()["detail"]


def test_a_body_over_the_limit_is_refused_before_it_is_read(client: Client) -> None:
    # Two bytes follow an announcement of 50 MB: an answer at all shows that the service did not wait for the rest.
    request = client.build_request("POST", "/v1/search", content=b"{}", headers={"Content-Type": "application/json"})
    request.headers["Content-Length"] = str(50 * 2**20)
    response = client.send(request)
    assert response.status_code == 413
    assert response.json()["type"] == "urn:withthis:problem:body-too-large"


def test_a_part_is_known_by_its_name_not_by_a_file_name(client: Client) -> None:
    named = client.post("/v1/search", files={"image": ("query.png", png(), "image/png")})
    nameless = client.post("/v1/search", files={"image": (None, png())})
    assert nameless.status_code == 200
    assert nameless.json()["results"] == named.json()["results"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", "text/plain; a=application/json"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/search"),
        ("POST", "/v1/search/stream"),
        ("POST", "/v1/rerank"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/feedback"),
        ("PUT", "/v1/products"),
        ("PATCH", "/v1/products/p1"),
    ],
)
def test_what_a_page_of_another_origin_may_send_unasked_is_no_json(
    client: Client, method: str, path: str, kind: str
) -> None:
    response = client.request(method, path, content=b'{"title": "x"}', headers={"Content-Type": kind} if kind else {})
    assert response.status_code == 415
    assert_problem(response)


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_of_unknown_length_is_cut_at_the_limit(tmp_path: Path, content_type: str) -> None:
    def long() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        for _ in range(64):
            yield b"a" * 1024

    with open_client(make_shop(tmp_path, max_body_bytes=16 * 1024)) as client:
        response = client.post("/v1/search", content=long(), headers={"Content-Type": content_type})
    assert response.status_code == 413


@pytest.mark.parametrize("reason", ["rerank_timeout", "rerank_error", "rerank_overloaded"])
def test_a_failing_reranker_is_200_or_503_if_required(shop: Shop, client: Client, reason: str) -> None:
    shop.strategy.degraded = reason
    answer = search(client, text="a mug").json()
    assert answer["rerank"]["degraded"] == reason
    assert answer["rerank"]["applied"] is False
    assert [result["retrieval_rank"] for result in answer["results"]] == list(range(1, 10))
    required = search(client, text="a mug", rerank={"require": True})
    assert required.status_code == 503
    assert required.json()["type"] == "urn:withthis:problem:rerank-required"


def test_a_reranker_past_its_deadline_is_left_behind(shop: Shop, client: Client) -> None:
    shop.strategy.block = threading.Event()
    answer = search(client, text="a mug", rerank={"deadline_ms": 20}).json()
    shop.strategy.block.set()
    assert answer["rerank"]["degraded"] == "rerank_timeout"
    assert len(answer["results"]) == 9


def test_beyond_the_queue_there_is_429_and_the_service_stays_alive(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, search_concurrency=1, search_queue=0, retry_after_s=7)
    shop.encoder.block = threading.Event()
    with open_client(shop) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(search, client, text="a mug")
        while not shop.encoder.seen:  # until the first search is at work
            assert not first.done()
        refused = search(client, text="a mug")
        assert client.get("/healthz").status_code == 200
        shop.encoder.block.set()
        assert first.result().status_code == 200
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "7"
        assert search(client, text="a mug").status_code == 200  # the slot is free again


def test_waiting_too_long_in_the_queue_is_429(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, search_concurrency=1, search_queue=1, search_queue_wait_ms=20)
    shop.encoder.block = threading.Event()
    with open_client(shop) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(search, client, text="a mug")
        while not shop.encoder.seen:
            assert not first.done()
        assert search(client, text="a mug").status_code == 429
        shop.encoder.block.set()
        assert first.result().status_code == 200


def test_a_store_that_is_away_is_503_everywhere_but_alive(shop: Shop, client: Client) -> None:
    shop.store.failure = StoreUnavailable()
    for response in (search(client, text="a mug"), client.get("/readyz")):
        assert response.status_code == 503
        assert response.json()["type"] == "urn:withthis:problem:store-unavailable"
    assert client.get("/healthz").json() == {"status": "ok"}
    shop.store.failure = None
    assert client.get("/readyz").json() == {"status": "ready", "encoder": "fake", "rows": 20, "catalogs": []}


def test_a_bug_is_500_without_its_words(shop: Shop, client: Client) -> None:
    shop.store.failure = ValueError("secret /etc/passwd at 0x7f")
    response = search(client, text="a mug")
    assert response.status_code == 500
    assert response.json()["type"] == "urn:withthis:problem:internal-fault"
    assert "secret" not in response.text
