"""The routes of other services: each client's fields, forms and answers, by the client that sends them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from litestar.testing import TestClient

from service.server.dialects.contents import TOKENS
from service.server.dialects.fields import EMBED, EMBEDDINGS, RERANK, SCORE, Dialect, ForeignField
from service.server.dialects.requests import AUDIO, ONE_TURN, TWO_INSTRUCTIONS
from service.server.routes.model_access import NO_INSTRUCTION
from tests.conftest import open_client
from tests.contract.test_errors import assert_problem
from tests.fakes import DIMENSION, Shop, make_shop, png

Client = TestClient[Any]
PLAIN = base64.b64encode(png("teal")).decode()
URI = f"data:image/png;base64,{PLAIN}"

RERANKED: dict[str, Any] = {"query": "a mug", "documents": ["one", "two", "three"]}
PAIRS: dict[str, Any] = {"queries": "a mug", "documents": ["one", "two"]}
EMBEDDED: dict[str, Any] = {"input": ["one", "two"]}
ROUTES: tuple[tuple[str, dict[str, Any], Dialect], ...] = (
    ("/v1/rerank", RERANKED, RERANK),
    ("/v1/score", PAIRS, SCORE),
    ("/v1/embeddings", EMBEDDED, EMBEDDINGS),
    ("/v2/embed", {"texts": ["one"]}, EMBED),
    ("/embed", {"inputs": ["one"]}, EMBED),
)
ALL_FIELDS = [
    pytest.param(route, body, name, field, id=f"{route}-{name}")
    for route, body, dialect in ROUTES
    for name, field in dialect.foreign.items()
]


@pytest.fixture(scope="module")
def field_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One service for all fields: none of them leaves anything behind."""
    with open_client(make_shop(tmp_path_factory.mktemp("shop"))) as opened:
        yield opened


def post(client: Client, route: str, body: dict[str, Any]) -> Any:
    response = client.post(route, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def refused(client: Client, route: str, body: dict[str, Any]) -> dict[str, str]:
    """Pointer → advice."""
    response = client.post(route, json=body)
    assert response.status_code == 400, response.text
    assert_problem(response)
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


@pytest.mark.parametrize(("route", "body", "name", "field"), ALL_FIELDS)
def test_a_field_has_no_effect_or_is_refused_with_its_reason(
    field_client: Client, route: str, body: dict[str, Any], name: str, field: ForeignField
) -> None:
    for value in [None, *(("anything", 7) if field.harmless is None else field.harmless)]:
        post(field_client, route, {**body, name: value})
    if field.harmless is not None:
        assert refused(field_client, route, {**body, name: "differ from model to model"}) == {f"/{name}": field.refusal}
    assert field.sent_by


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"top_n": 2, "max_chunks_per_doc": None, "rank_fields": None}, id="cohere v1"),
        pytest.param({"top_n": 2, "max_tokens_per_doc": 4096, "priority": 0, "model": "withthis"}, id="cohere v2"),
        pytest.param({"top_k": 2, "truncation": True, "model": "withthis"}, id="voyage"),
        pytest.param({"top_n": "2", "return_documents": "false", "raw_scores": False}, id="infinity"),
        pytest.param({"top_n": 2.0, "truncate_prompt_tokens": -1, "use_activation": None, "user": "me"}, id="vllm"),
        pytest.param({"top_n": 2, "max_chunks_per_doc": 10, "overlap_tokens": 80}, id="siliconflow"),
        pytest.param({"top_n": 2, "return_len": False, "return_documents": None}, id="xinference"),
    ],
)
@pytest.mark.parametrize("route", ["/rerank", "/v1/rerank", "/v2/rerank"])
def test_rerank_as_clients_ask(client: Client, route: str, more: dict[str, Any]) -> None:
    answer = post(client, route, {**RERANKED, **more})
    assert [result["index"] for result in answer["results"]] == [2, 1]


@pytest.mark.parametrize(
    ("documents", "titles"),
    [
        pytest.param("one", ["one"], id="no list"),
        pytest.param({"text": "one"}, ["one"], id="one object"),
        pytest.param(
            {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, ["a", "b"], id="vllm"
        ),
        pytest.param(
            [{"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], ["a\nb"], id="parts"
        ),
        pytest.param([{"type": "text", "text": "a"}, {"type": "text", "value": "b"}], ["a", "b"], id="bare parts"),
        pytest.param([{"content": "a"}], ["a"], id="content is a text"),
        pytest.param(["https://shop.example/a.png"], ["https://shop.example/a.png"], id="a text about an address"),
    ],
)
def test_documents_in_every_form(shop: Shop, client: Client, documents: Any, titles: list[str]) -> None:
    post(client, "/v1/rerank", {"query": "a mug", "documents": documents})
    assert [candidate.title for candidate in shop.strategy.calls[0][1]] == titles
    assert not any(candidate.image for candidate in shop.strategy.calls[0][1])


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(URI, id="infinity, haystack: a plain string"),
        pytest.param({"image": URI}, id="openrouter, jina"),
        pytest.param({"image": PLAIN}, id="jina: plain base64"),
        pytest.param({"image": {"url": URI}}, id="image.url"),
        pytest.param({"bytes": PLAIN}, id="jina: bytes"),
        pytest.param({"url": URI}, id="jina: url"),
        pytest.param({"image_url": URI}, id="image_url"),
        pytest.param({"image_url": {"url": URI}}, id="image_url.url"),
        pytest.param({"type": "image_url", "image_url": {"url": URI, "detail": "low"}}, id="openai: a bare part"),
        pytest.param({"type": "image_url", "image_url": URI}, id="voyage: a bare part"),
        pytest.param({"type": "image_base64", "image_base64": URI}, id="voyage: image_base64"),
        pytest.param({"type": "image", "format": "base64", "value": URI}, id="elasticsearch"),
        pytest.param({"type": "input_image", "image_url": URI}, id="openai: responses"),
        pytest.param({"content": [{"type": "image_url", "image_url": {"url": URI}}]}, id="vllm: parts"),
    ],
)
def test_images_in_every_form_are_seen_and_never_read_as_text(shop: Shop, client: Client, image: Any) -> None:
    answer = post(client, "/v1/rerank", {"query": image, "documents": [image, "a"], "return_documents": True})
    query, candidates, _ = shop.strategy.calls[0]
    assert query.image is not None and query.text is None
    assert candidates[0].image is not None and candidates[0].title == ""
    assert all("text" in result["document"] for result in answer["results"])
    wanted = post(client, "/v1/embeddings", {"input": [{"image": URI}]})["data"]
    assert post(client, "/v1/embeddings", {"input": [image]})["data"] == wanted
    assert post(client, "/v1/embeddings", {"input": image})["data"] == wanted


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"query": "a", "documents": [{"image": URI, "url": URI}]}, "/documents/0"),
        ({"query": "a", "documents": [{"image": 5}]}, "/documents/0"),
        ({"query": "a", "documents": [{"text": ["a"]}]}, "/documents/0/text"),
        ({"query": [], "documents": ["a"]}, "/query"),
        ({"query": [{"type": "text", "text": "a"}] * 17, "documents": ["a"]}, "/query"),
        ({"query": "a", "documents": [{"type": "text", "text": "a", "weight": 2}]}, "/documents/0"),
        ({"query": "a", "documents": ["b"], "texts": ["b"]}, "/texts"),
        ({"query": "a", "documents": ["b"], "top_n": 1, "top_k": 1}, "/top_k"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(client: Client, body: dict[str, Any], pointer: str) -> None:
    assert pointer in refused(client, "/v1/rerank", body)


@pytest.mark.parametrize(
    ("route", "body", "pointer"),
    [
        ("/v1/embeddings", {"input": ""}, "/input"),
        ("/v1/embeddings", {"texts": ["a", ""]}, "/texts/1"),
        ("/v2/embed", {"texts": ["a"], "inputs": [{"content": []}]}, "/inputs/0/content"),
        ("/v2/embed", {"texts": ["a", ""], "inputs": ["b"]}, "/texts/1"),
        ("/score", {"text_1": "", "text_2": ["a"]}, "/text_1"),
        ("/score", {"data_1": ["a", ""], "data_2": ["a", "b"]}, "/data_1/1"),
        ("/rerank", {"query": "", "texts": ["a"]}, "/query"),
    ],
)
def test_a_place_is_named_as_the_client_named_it(
    client: Client, route: str, body: dict[str, Any], pointer: str
) -> None:
    assert pointer in refused(client, route, body)


def test_tei_gets_its_list_at_the_root(client: Client) -> None:
    body = {"query": "a mug", "texts": ["one", "two"], "raw_scores": False, "truncate": True, "return_text": True}
    answer = post(client, "/rerank", body)
    assert [(item["index"], item["text"]) for item in answer] == [(1, "two"), (0, "one")]
    assert answer[0]["score"] > answer[1]["score"]
    assert post(client, "/rerank", {"query": "a mug", "texts": ["one"]})[0].keys() == {"index", "score"}
    assert "/texts/0" in refused(client, "/rerank", {"query": "a mug", "texts": [5]})


@pytest.mark.parametrize("route", ["/score", "/v1/score"])
@pytest.mark.parametrize("names", [("text_1", "text_2"), ("queries", "documents"), ("data_1", "data_2")])
def test_scores_stand_in_the_order_of_the_documents(client: Client, route: str, names: tuple[str, str]) -> None:
    answer = post(client, route, {names[0]: "a mug", names[1]: ["one", "two", "three"], "model": "fake"})
    assert [item["index"] for item in answer["data"]] == [0, 1, 2]
    scores = [item["score"] for item in answer["data"]]
    assert scores == sorted(set(scores)) and answer["meta"]["scores"] == "relative"


def test_pairs_are_scored_one_by_one_where_scores_are_absolute(shop: Shop, client: Client) -> None:
    pairs = {"text_1": ["a mug", "a cap"], "text_2": ["one", "two"]}
    response = client.post("/score", json=pairs)
    assert response.status_code == 400 and "pointwise" in response.json()["detail"]
    shop.strategy.scale = "absolute"
    answer = post(client, "/score", pairs)
    assert len(answer["data"]) == 2 and answer["meta"]["scores"] == "absolute"
    assert [query.text for query, _, _ in shop.strategy.calls[-2:]] == ["a mug", "a cap"]
    first, second = shop.strategy.deadlines[-2:]
    assert second is not None and first is not None and second <= first + 0.01, "one deadline for all pairs"
    assert client.post("/score", json={**pairs, "text_2": ["a", "b", "c"]}).status_code == 400
    assert "/text_1/1" in refused(client, "/score", {**pairs, "text_1": ["a mug", ""]})


def test_a_model_that_fails_gives_no_scores(shop: Shop, client: Client) -> None:
    shop.strategy.degraded = "rerank_error"
    for queries in ("a mug", ["a mug", "a cap"]):
        response = client.post("/score", json={"text_1": queries, "text_2": ["one", "two"]})
        assert response.status_code == 503, "an order as given is no score"
        assert_problem(response)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"user": "me", "encoding_format": "float", "model": "withthis"}, id="openai"),
        pytest.param({"encoding_format": None, "dimensions": 0, "modality": "text"}, id="infinity"),
        pytest.param({"encoding_format": "float", "dimensions": DIMENSION, "priority": 0}, id="vllm"),
        pytest.param({"embedding_type": "float", "normalized": True, "task": "retrieval.query"}, id="jina"),
        pytest.param({"encoding_type": "float", "truncation": True, "input_type": "document"}, id="voyage"),
        pytest.param({"input_type": "query", "truncate": "END", "modality": "text"}, id="nvidia"),
        pytest.param({"output_dimension": DIMENSION, "output_dtype": "float"}, id="voyage, sizes"),
    ],
)
@pytest.mark.parametrize("route", ["/embeddings", "/v1/embeddings"])
def test_embeddings_as_clients_ask(client: Client, route: str, more: dict[str, Any]) -> None:
    answer = post(client, route, {**EMBEDDED, **more})
    assert [len(item["embedding"]) for item in answer["data"]] == [DIMENSION] * 2


def test_infinity_says_that_its_inputs_are_images(shop: Shop, client: Client) -> None:
    post(client, "/embeddings", {"input": [PLAIN, URI], "modality": "image"})
    assert [(query.text, query.image is not None) for query in shop.encoder.seen] == [(None, True)] * 2
    assert refused(client, "/embeddings", {"input": [PLAIN], "modality": "audio"}) == {"/modality": AUDIO}
    response = client.post("/embeddings", json={"input": "https://shop.example/a.png", "modality": "image"})
    assert response.status_code == 400 and "Image URLs are off" in response.text, "an address is an image here"


def test_vllm_sends_messages(shop: Shop, client: Client) -> None:
    content = [{"type": "image_url", "image_url": {"url": URI}}, {"type": "text", "text": "like this"}]
    answer = post(client, "/v1/embeddings", {"messages": [{"role": "user", "content": content}]})
    assert len(answer["data"]) == 1
    assert shop.encoder.seen[-1].text == "like this" and shop.encoder.seen[-1].image is not None


SYSTEM, USER = {"role": "system", "content": "Find products."}, {"role": "user", "content": "a mug"}
OPENED = {"role": "assistant", "content": [{"type": "text", "text": ""}]}


@pytest.mark.parametrize(
    ("messages", "more"),
    [
        pytest.param([SYSTEM, USER], {}, id="plain"),
        pytest.param(
            [{**SYSTEM, "content": [{"type": "text", "text": "Find products."}]}, USER, OPENED],
            {"continue_final_message": True, "add_special_tokens": True},
            id="Qwen3-VL-Embedding",
        ),
        pytest.param(
            [SYSTEM, USER],
            {"continue_final_message": False, "add_special_tokens": False, "add_generation_prompt": False},
            id="the client of vLLM's examples",
        ),
        pytest.param([{"role": "system", "content": ""}, USER], {"instruction": "Find products."}, id="a field"),
    ],
)
def test_the_text_of_a_system_turn_is_the_instruction(
    shop: Shop, client: Client, monkeypatch: pytest.MonkeyPatch, messages: list[Any], more: dict[str, Any]
) -> None:
    monkeypatch.setattr(shop.encoder, "info", replace(shop.encoder.info, instructable=True), raising=False)
    assert len(post(client, "/v1/embeddings", {"messages": messages, **more})["data"]) == 1
    assert (shop.encoder.seen[-1].text, shop.encoder.seen[-1].instruction) == ("a mug", "Find products.")


@pytest.mark.parametrize(
    "messages",
    [
        "a mug",
        ["a mug"],
        [SYSTEM],
        [USER, SYSTEM],
        [USER, USER],
        [SYSTEM, SYSTEM, USER],
        [USER, {"role": "assistant", "content": "A nice one."}],
        [{**SYSTEM, "content": [{"type": "image_url", "image_url": {"url": URI}}]}, USER],
    ],
)
def test_other_turns_are_refused(client: Client, messages: Any) -> None:
    assert refused(client, "/v1/embeddings", {"messages": messages}) == {"/messages": ONE_TURN}


def test_one_instruction_is_enough_and_an_encoder_must_take_it(client: Client) -> None:
    both = {"messages": [SYSTEM, USER], "instruction": "Find something else."}
    assert refused(client, "/v1/embeddings", both) == {"/messages": TWO_INSTRUCTIONS}
    assert refused(client, "/v1/embeddings", {"messages": [SYSTEM, USER]}) == {"": NO_INSTRUCTION}


def test_tokens_are_refused_with_the_way_out(client: Client) -> None:
    for given in ([1, 2, 3], [[1, 2], [3]]):
        assert refused(client, "/v1/embeddings", {"input": given})["/input/0"] == TOKENS


def test_tei_gets_plain_vectors(client: Client) -> None:
    wanted = [item["embedding"] for item in post(client, "/v1/embeddings", EMBEDDED)["data"]]
    assert post(client, "/embed", {"inputs": ["one", "two"], "truncate": True, "normalize": True}) == wanted
    assert post(client, "/embed", {"inputs": "one"}) == wanted[:1]


def test_cohere_embeds_text_and_image_as_one(shop: Shop, client: Client) -> None:
    fused = {"content": [{"type": "text", "text": "this"}, {"type": "image_url", "image_url": {"url": URI}}]}
    body = {"model": "fake", "input_type": "search_query", "embedding_types": ["float", "base64"], "inputs": [fused]}
    answer = post(client, "/v2/embed", body)
    assert shop.encoder.seen[-1].text == "this" and shop.encoder.seen[-1].image is not None
    (vector,), (packed,) = answer["embeddings"]["float"], answer["embeddings"]["base64"]
    assert np.allclose(np.frombuffer(base64.b64decode(packed), "<f4"), vector)
    assert answer["meta"]["api_version"] == {"version": "2"} and answer["meta"]["billed_units"]["images"] == 1
    several = post(client, "/v2/embed", {"texts": ["one"], "images": [URI], "input_type": "image"})
    assert len(several["embeddings"]["float"]) == 2 and several["texts"] == ["one"]
    assert "/embedding_types/0" in refused(client, "/v2/embed", {"texts": ["a"], "embedding_types": ["int8"]})
    assert client.post("/v2/embed", json={"model": "fake"}).status_code == 400


def test_coheres_first_version_answers_plain_lists(client: Client) -> None:
    answer = post(client, "/v1/embed", {"texts": ["one", "two"], "input_type": "search_document", "truncate": "END"})
    assert answer["response_type"] == "embeddings_floats" and len(answer["embeddings"]) == 2
    typed = post(client, "/v1/embed", {"texts": ["one"], "embedding_types": ["float"]})
    assert typed["response_type"] == "embeddings_by_type" and len(typed["embeddings"]["float"]) == 1


@pytest.mark.parametrize("route", ["/models", "/v1/models"])
def test_models_are_listed(client: Client, route: str) -> None:
    answer = client.get(route).json()
    assert answer["object"] == "list" and [model["id"] for model in answer["data"]] == ["fake", "withthis"]


def test_health_where_others_have_it(client: Client) -> None:
    assert client.get("/health").json() == client.get("/healthz").json()
