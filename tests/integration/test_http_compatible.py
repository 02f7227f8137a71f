"""`/v1/rerank` and `/v1/embeddings`: the shapes that other services' clients send and read."""

from __future__ import annotations

import base64
import math
import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import TestClient

from rerank.ranking import Fault, Ranking
from service.search.document_ranking import relevance
from tests.contract.test_errors import assert_problem
from tests.fakes import DIMENSION, Shop, png

Client = TestClient[Any]
URI = "data:image/png;base64," + base64.b64encode(png("teal")).decode()


def parts(*texts: str, image: str | None = URI) -> dict[str, Any]:
    images = [{"type": "image_url", "image_url": {"url": image}}] if image else []
    return {"content": [*({"type": "text", "text": text} for text in texts), *images]}


def rerank(client: Client, **body: Any) -> Any:
    response = client.post("/v1/rerank", json={"query": "a mug", "documents": ["one", "two", "three"], **body})
    assert response.status_code == 200, response.text
    return response.json()


def embed(client: Client, input: Any, **body: Any) -> Any:
    response = client.post("/v1/embeddings", json={"input": input, **body})
    assert response.status_code == 200, response.text
    return response.json()


def test_documents_are_ranked_with_scores_that_decrease(client: Client) -> None:
    answer = rerank(client, model="fake", return_documents=True)
    assert [result["index"] for result in answer["results"]] == [2, 1, 0]
    scores = [result["relevance_score"] for result in answer["results"]]
    assert scores == sorted(set(scores), reverse=True)
    assert [result["document"] for result in answer["results"]] == [{"text": "three"}, {"text": "two"}, {"text": "one"}]
    assert answer["model"] == "fake"
    assert answer["meta"] == {
        "scores": "relative",
        "strategy": "listwise",
        "prompt": "rank-panel@1",
        "fault": "ok",
        "repaired": [],
        "degraded": None,
        "truncated": [],
        "query_truncated": False,
        "api_version": {"version": "1"},
        "billed_units": {"search_units": 1},
    }
    assert answer["usage"].keys() == {"prompt_tokens", "total_tokens"}


def test_top_n_shortens_the_answer_and_nothing_else(shop: Shop, client: Client) -> None:
    assert [result["index"] for result in rerank(client, top_n=1)["results"]] == [2]
    assert len(rerank(client, top_n=99)["results"]) == 3
    assert len(shop.strategy.calls[0][1]) == 3


def test_images_reach_the_strategy_in_every_form(shop: Shop, client: Client) -> None:
    documents = ["text", parts(), parts("a", "b"), {"text": "t", "image": URI}, {"image": URI}, parts("c", image=None)]
    answer = rerank(client, query=parts("like this"), documents=documents, return_documents=True)
    query, candidates, _ = shop.strategy.calls[0]
    assert query.text == "like this" and query.image is not None and query.image_hash
    assert [(candidate.title, candidate.image is not None) for candidate in candidates] == [
        ("text", False),
        ("", True),
        ("a\nb", True),
        ("t", True),
        ("", True),
        ("c", False),
    ]
    assert sorted(result["index"] for result in answer["results"]) == list(range(6))
    assert answer["results"][0]["document"] == {"text": "c", "multi_modal": [{"type": "text", "text": "c"}]}
    assert all("text" in result["document"] for result in answer["results"]), "some clients need one"
    assert "document" not in rerank(client)["results"][0], "a null is a broken answer to some clients"


def test_equal_documents_stay_two(client: Client) -> None:
    assert sorted(result["index"] for result in rerank(client, documents=["same"] * 4)["results"]) == [0, 1, 2, 3]


def test_without_scores_the_place_is_the_score_and_says_so(shop: Shop, client: Client) -> None:
    shop.strategy.behave = lambda n: Ranking.completed([2], n, Fault.MISSING)
    answer = rerank(client)
    assert [(result["index"], result["relevance_score"]) for result in answer["results"]] == [
        (2, 1.0),
        (0, pytest.approx(2 / 3)),
        (1, pytest.approx(1 / 3)),
    ]
    assert answer["meta"]["scores"] == "rank"
    assert (answer["meta"]["fault"], answer["meta"]["repaired"]) == ("missing", [0, 1])


@pytest.mark.parametrize("reason", ["rerank_timeout", "rerank_error", "rerank_overloaded"])
def test_a_failing_model_leaves_the_given_order_and_says_why(shop: Shop, client: Client, reason: str) -> None:
    shop.strategy.degraded = reason
    answer = rerank(client)
    assert [result["index"] for result in answer["results"]] == [0, 1, 2]
    assert answer["meta"]["degraded"] == reason and answer["meta"]["scores"] == "rank"
    metrics = client.get("/metrics").text
    assert f'withthis_degraded_total{{catalog="",reason="{reason}"}} 1.0' in metrics


def test_the_deadline_holds_here_too(shop: Shop, client: Client) -> None:
    shop.strategy.raises = ValueError("broken")
    shop.strategy.block = threading.Event()
    shop.strategy.block.set()
    assert rerank(client)["meta"]["degraded"] == "rerank_error"


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), min_size=1, max_size=9))
def test_relevance_strictly_decreases_for_any_scores(scores: list[float | None]) -> None:
    n = len(scores)
    by_score = sorted(range(n), key=lambda place: -(scores[place] if scores[place] is not None else -1.0))  # type: ignore[operator]
    for order in (tuple(range(n)), tuple(by_score)):
        found, _ = relevance(Ranking(order, scores=tuple(scores)))
        assert len(found) == n and all(math.isfinite(score) for score in found)
        assert all(later < earlier for earlier, later in pairwise(found))


def test_embeddings_of_texts_and_images(shop: Shop, client: Client) -> None:
    answer = embed(client, ["two words", parts("x"), {"image": URI}, "long " * 50], model="fake")
    assert (answer["object"], answer["model"]) == ("list", "fake")
    assert [item["index"] for item in answer["data"]] == [0, 1, 2, 3]
    assert all(item["object"] == "embedding" and len(item["embedding"]) == DIMENSION for item in answer["data"])
    assert answer["truncated"] == [3]
    assert answer["usage"] == {"prompt_tokens": 53, "total_tokens": 53}
    assert [(query.text, query.image is not None) for query in shop.encoder.seen] == [
        ("two words", False),
        ("x", True),
        (None, True),
        (("long " * 50).strip(), False),
    ]
    alone = embed(client, "two words")["data"]
    assert len(alone) == 1 and alone[0]["embedding"] == answer["data"][0]["embedding"]


def test_base64_holds_the_same_numbers(client: Client) -> None:
    plain = embed(client, ["a", "b"])["data"]
    packed = embed(client, ["a", "b"], encoding_format="base64", dimensions=DIMENSION, user="me")["data"]
    for one, other in zip(plain, packed, strict=True):
        assert np.allclose(np.frombuffer(base64.b64decode(other["embedding"]), "<f4"), one["embedding"])


def test_many_inputs_keep_their_order(client: Client) -> None:
    texts = [f"text {number}" for number in range(50)]
    several = embed(client, texts)["data"]
    assert several[37]["embedding"] == embed(client, texts[37])["data"][0]["embedding"]


@pytest.mark.parametrize(
    ("route", "body", "status", "pointer"),
    [
        ("rerank", {"documents": []}, 400, "/documents"),
        ("rerank", {"documents": ["a"] * 1001}, 400, "/documents"),
        ("rerank", {"documents": [5]}, 400, "/documents/0"),
        ("rerank", {"documents": ["a", {"image": "https://example.org/a.png"}]}, 400, None),
        ("rerank", {"documents": ["a", {"image": "file:///etc/passwd"}]}, 422, "/documents/1"),
        ("rerank", {"documents": ["a", {"content": [{"type": "audio"}]}]}, 400, "/documents/1/content/0"),
        ("rerank", {"documents": [{"content": [{"type": "text", "text": 5}]}]}, 400, "/documents/0/content/0/text"),
        ("rerank", {"documents": [parts("a", image="data:image/png;base64,AAAA")]}, 422, "/documents/0"),
        ("rerank", {"documents": [{"content": parts()["content"] * 2}]}, 400, "/documents/0"),
        ("rerank", {"documents": [{"a/b": "x"}]}, 400, "/documents/0/a~1b"),
        ("rerank", {"documents": [{}]}, 400, "/documents/0"),
        ("rerank", {"query": ""}, 400, "/query"),
        ("rerank", {"query": None}, 400, "/query"),
        ("rerank", {"top_n": -1}, 400, "/top_n"),
        ("rerank", {"top_n": 1.5}, 400, "/top_n"),
        ("rerank", {"model": "gpt"}, 400, "/model"),
        ("rerank", {"model_path": "/etc"}, 400, "/model_path"),
        ("rerank", {"strategy": "magic"}, 400, None),
        ("embeddings", {"input": []}, 400, "/input"),
        ("embeddings", {"input": [1, 2, 3]}, 400, "/input/0"),
        ("embeddings", {"input": [[1, 2]]}, 400, "/input/0"),
        ("embeddings", {"input": ["a", " "]}, 400, "/input/1"),
        ("embeddings", {"input": "a", "dimensions": 7}, 400, None),
        ("embeddings", {"input": "a", "encoding_format": "int8"}, 400, "/encoding_format"),
        ("embeddings", {"input": "a", "model": "gpt"}, 400, "/model"),
        ("embeddings", {"input": ["a"] * 2049}, 400, "/input"),
    ],
)
def test_what_is_not_known_is_refused_and_pointed_at(
    client: Client, route: str, body: dict[str, Any], status: int, pointer: str | None
) -> None:
    base = {"query": "a", "documents": ["a"]} if route == "rerank" else {}
    response = client.post(f"/v1/{route}", json={**base, **body})
    assert response.status_code == status, response.text
    assert_problem(response)
    pointers = [error["pointer"] for error in response.json().get("errors", [])]
    assert pointer is None or pointer in pointers, pointers


def test_long_texts_are_cut_and_said(shop: Shop, client: Client) -> None:
    answer = rerank(client, query="a " * 1000, documents=["short", "word " * 3000, "x" * 250_000])
    assert answer["meta"]["truncated"] == [1, 2] and answer["meta"]["query_truncated"]
    assert embed(client, ["short", "word " * 3000])["truncated"] == [1]


def test_empty_documents_are_documents(shop: Shop, client: Client) -> None:
    answer = rerank(client, documents=["one", "", None, {"text": None}])
    assert sorted(result["index"] for result in answer["results"]) == [0, 1, 2, 3]
    assert [candidate.title for candidate in shop.strategy.calls[0][1]] == ["one", "", "", ""]


def test_a_thousand_documents_are_ranked(client: Client) -> None:
    answer = rerank(client, documents=[f"document {number}" for number in range(1000)], top_n=3)
    assert [result["index"] for result in answer["results"]] == [999, 998, 997]
    assert answer["meta"]["billed_units"] == {"search_units": 10}


def test_scores_say_whether_they_can_be_compared_between_calls(shop: Shop, client: Client) -> None:
    assert rerank(client)["meta"]["scores"] == "relative"
    shop.strategy.scale = "absolute"
    assert rerank(client, strategy="listwise", deadline_ms=5000)["meta"]["scores"] == "absolute"
    shop.strategy.degraded = "rerank_error"
    assert rerank(client)["meta"]["scores"] == "rank"


def test_the_second_version_of_the_route_is_the_same(client: Client) -> None:
    body = {"query": "a mug", "documents": ["one", "two"], "max_tokens_per_doc": 100, "model": "withthis"}
    first, second = (client.post(f"/v{number}/rerank", json=body).json() for number in (1, 2))
    assert first["results"] == second["results"]
    assert second["meta"]["api_version"] == {"version": "2"}
