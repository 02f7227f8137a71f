"""Index, search and rerank with the models of sentence-transformers: the answer is complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rerank.model_server.data_uri import data_uri
from service.build import assemble, load_encoder
from service.catalog.ingest import ingest
from service.stores.exact.exact_store import ExactStore
from tests.conftest import open_client
from tests.fakes import make_shop
from tests.integration.remote_encoders import RED, a_feed
from tests.unit.service.encoders.sentence_checkpoints import make_embedding_gemma, make_qwen_embedding


@pytest.mark.parametrize(
    ("name", "make"), [("embeddinggemma-2", make_embedding_gemma), ("qwen3-vl-embedding-2b", make_qwen_embedding)]
)
def test_a_shop_is_indexed_searched_and_reranked(name: str, make: Callable[[Path], Path], tmp_path: Path) -> None:
    folder = make(tmp_path / "weights")
    shop = make_shop(tmp_path, encoder=name, encoder_path=folder, encoder_device="cpu")
    encoder, store = load_encoder(shop.settings), ExactStore()
    assert ingest(a_feed(tmp_path, 7), encoder, store, shop.images).indexed == 7
    parts = assemble(shop.settings, encoder=encoder, store=store, images=shop.images, rerank=shop.parts.rerank)
    with open_client(replace(shop, parts=parts)) as client:
        image = {"image": {"data": data_uri(RED)}}
        for query in ({"text": "title 3"}, image, {"text": "with this", **image}):
            check(client.post("/v1/search", json={**query, "limit": 7}).json())
        both: dict[str, Any] = {"content": [{"type": "image_url", "image_url": {"url": data_uri(RED)}}]}
        vectors = client.post("/v1/embeddings", json={"input": ["a mug", both]}).json()["data"]
    assert [len(item["embedding"]) for item in vectors] == [encoder.info.dimension] * 2


def check(answer: dict[str, Any]) -> None:
    """Every product once, in the order that the reranker gave."""
    assert sorted(result["product"]["id"] for result in answer["results"]) == [f"p{number}" for number in range(7)]
    assert answer["rerank"]["applied"] and answer["rerank"]["fault"] == "ok"
    assert [result["retrieval_rank"] for result in answer["results"]] == list(range(7, 0, -1))
