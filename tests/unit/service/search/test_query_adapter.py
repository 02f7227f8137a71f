"""Adapters of query embeddings: queries move, documents do not, and other files are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from rerank.query import Query
from service.errors import ConfigurationError
from service.search.query_adapter import FORMAT, AdaptedEncoder, QueryAdapter, adapted, read_adapter, write_adapter
from service.stores.store import Vector
from tests.conftest import open_client
from tests.fakes import FakeEncoder, make_shop

DIMENSION = FakeEncoder.info.dimension


def toward(vector: Vector) -> QueryAdapter:
    """Moves every query close to one vector."""
    nothing = np.zeros((1, DIMENSION), np.float32)
    return QueryAdapter(nothing, nothing.T, np.float32(100) * vector)


def test_queries_move_and_documents_do_not() -> None:
    encoder, target = FakeEncoder(), FakeEncoder().encode([Query("elsewhere")]).vectors[0]
    both = [Query("a mug"), Query("a mug", role="document")]
    query, document = AdaptedEncoder(encoder, toward(target)).encode(both).vectors
    assert np.allclose(query, target, atol=0.02) and np.isclose(np.linalg.norm(query), 1)
    assert np.array_equal(document, encoder.encode(both).vectors[1])
    assert AdaptedEncoder(encoder, toward(target)).info is encoder.info and adapted(encoder, None) is encoder


def test_a_service_searches_by_the_adapter_of_its_settings(tmp_path: Path) -> None:
    target = FakeEncoder().encode([Query("product 13")]).vectors[0]
    write_adapter(tmp_path / "a.safetensors", toward(target), FakeEncoder.info, {})
    shop = make_shop(tmp_path, query_adapter=tmp_path / "a.safetensors", hybrid_enabled=False)
    with open_client(shop) as client:
        asked = {"text": "anything", "rerank": {"enabled": False}}
        assert client.post("/v1/search", json=asked).json()["results"][0]["product"]["id"] == "p13"


WRONG: dict[str, Callable[[Path], object]] = {
    "no such file": lambda path: None,
    "no safetensors": lambda path: path.write_bytes(b"GIF89a"),
    "weights of something else": lambda path: save_file({"down": np.zeros((1, DIMENSION), np.float32)}, path),
    "shapes that do not fit": lambda path: save_file(
        {"down": np.zeros((2, DIMENSION), np.float32), "up": np.zeros((DIMENSION, 1), np.float32)}
        | {"shift": np.zeros(DIMENSION, np.float32)},
        path,
        {"format": FORMAT, "encoder": FakeEncoder.info.fingerprint},
    ),
    "numbers that are none": lambda path: write_adapter(
        path, toward(np.full(DIMENSION, np.nan, np.float32)), FakeEncoder.info, {}
    ),
    "another encoder": lambda path: write_adapter(
        path, toward(np.ones(DIMENSION, np.float32)), replace(FakeEncoder.info, fingerprint="other"), {}
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_another_file_is_refused_in_words(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "adapter.safetensors"
    WRONG[wrong](path)
    with pytest.raises(ConfigurationError, match=r"WITHTHIS_QUERY_ADAPTER|withthis tune"):
        read_adapter(path, FakeEncoder.info)
