"""The clients of a chaos run that change nothing: searches of all kinds, models alone, products, images, feedback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from service.images.decode import content_hash
from starter.demo_shop import query_image
from tests.chaos.caller import Caller
from tests.chaos.ledger import PREFIX, TornError, state_of

TEXTS = ("a phone case with this", "this design on a cushion", "a mug like this", "the same as a poster", "red mug")
DEADLINE_MS = 2500
DOCUMENTS = ("a red mug", "a blue cushion", "a poster with a fox", "a phone case")

_PRODUCT = "GET /v1/products/{product_id}"
_IMAGE = "GET /v1/images/{key}"


def readers(products: int) -> list[Callable[[Caller], None]]:
    """Twelve clients over a shop of so many products; each is a step to be taken again and again."""
    shop = _Shop(products)
    return [
        *[shop.search, shop.search, shop.search, shop.hybrid],
        *[shop.reranked, shop.reranked, shop.upload, shop.stream],
        *[shop.rank_documents, shop.embed, shop.browse, shop.feedback],
    ]


class _Shop:
    def __init__(self, products: int) -> None:
        self._products = products

    def search(self, caller: Caller) -> None:
        query = {**self._query(caller), "rerank": {"enabled": False}, "hybrid": {"enabled": False}}
        _searched(caller, caller.ask("search", "POST /v1/search", json=query))

    def hybrid(self, caller: Caller) -> None:
        query = {"text": caller.random.choice(TEXTS), "rerank": {"enabled": False}, "hybrid": {}, "limit": 50}
        _searched(caller, caller.ask("search", "POST /v1/search", json=query))

    def reranked(self, caller: Caller) -> None:
        query = {**self._query(caller), "rerank": {"deadline_ms": DEADLINE_MS}}
        _searched(caller, caller.ask("reranked", "POST /v1/search", json=query, good=_is_reranked))

    def upload(self, caller: Caller) -> None:
        query = {"text": caller.random.choice(TEXTS), "rerank": {"deadline_ms": DEADLINE_MS}}
        parts = {"image": ("q.webp", query_image(), "image/webp"), "query": (None, json.dumps(query))}
        _searched(caller, caller.ask("reranked", "POST /v1/search", files=parts, good=_is_reranked))

    def stream(self, caller: Caller) -> None:
        query = {**self._query(caller), "rerank": {"deadline_ms": DEADLINE_MS}}
        caller.ask("reranked", "POST /v1/search/stream", json=query, good=_is_ranked_stream)

    def rank_documents(self, caller: Caller) -> None:
        query = {"query": caller.random.choice(TEXTS), "documents": DOCUMENTS}
        answer = caller.ask("documents", "POST /v1/rerank", json=query, good=_documents_ranked)
        if answer is not None and answer.is_success:
            indices = sorted(result["index"] for result in answer.json()["results"])
            if indices != list(range(len(DOCUMENTS))):
                caller.notes.doubled.append(f"/v1/rerank: {indices}")

    def embed(self, caller: Caller) -> None:
        caller.ask("embeddings", "POST /v1/embeddings", json={"input": caller.random.sample(TEXTS, 2)})

    def browse(self, caller: Caller) -> None:
        """A page of products, one of them, and its image."""
        page = caller.ask("catalog", "GET /v1/products", params={"limit": 100})
        if page is None or not page.is_success:
            return
        products = page.json()["products"]
        _unique(caller, "GET /v1/products", [product["id"] for product in products])
        id = caller.random.choice(products)["id"]
        one = caller.ask("catalog", _PRODUCT, f"/v1/products/{id}")
        if one is not None and one.is_success:
            _whole(caller, one.json())
            url = one.json()["image_urls"][0]
            check_image(caller, url)
            caller.ask("images", _IMAGE, url, params={"size": caller.random.choice([128, 256])})

    def feedback(self, caller: Caller) -> None:
        """A search, and a click on its first result."""
        answer = caller.ask("search", "POST /v1/search", json={**self._query(caller), "rerank": {"enabled": False}})
        if answer is not None and answer.is_success and answer.json()["results"]:
            found = answer.json()
            click = {"query_id": found["id"], "product_id": found["results"][0]["product"]["id"], "event": "click"}
            caller.ask("feedback", "POST /v1/feedback", json=click)

    def _query(self, caller: Caller) -> dict[str, Any]:
        id = f"P{caller.random.randint(1, self._products):04d}"
        return {"text": caller.random.choice(TEXTS), "image": {"product_id": id}}


def check_image(caller: Caller, url: str) -> bool:
    """True if the image is there, or could not be asked for; what it holds must be what its key says."""
    answer = caller.ask("images", _IMAGE, url)
    if answer is None or answer.status_code in (429, 503):
        return True
    return answer.is_success and content_hash(answer.content) == Path(url).stem


def _searched(caller: Caller, answer: httpx.Response | None) -> None:
    if answer is not None and answer.is_success:
        products = [result["product"] for result in answer.json()["results"]]
        _unique(caller, "/v1/search", [product["id"] for product in products])
        for product in products:
            _whole(caller, product)


def _whole(caller: Caller, product: dict[str, Any]) -> None:
    if product["id"].startswith(PREFIX):
        try:
            state_of(product)
        except TornError as error:
            caller.notes.torn.append(str(error))


def _unique(caller: Caller, where: str, ids: list[str]) -> None:
    if len(set(ids)) < len(ids):
        caller.notes.doubled.append(f"{where}: {ids}")


def _is_reranked(answer: httpx.Response) -> bool:
    report = answer.json()["rerank"]
    return bool(report["applied"]) and report["degraded"] is None


def _is_ranked_stream(answer: httpx.Response) -> bool:
    return "event: ranked" in answer.text and '"degraded":null' in answer.text


def _documents_ranked(answer: httpx.Response) -> bool:
    return answer.json()["meta"].get("degraded") is None
