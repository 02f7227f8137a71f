"""The encoder `remote` against a real server that somebody has started: infinity, in an environment of its own.

    pip install "infinity-emb[server,torch]==0.0.78" "transformers<5" aiohttp
    infinity_emb v2 --model-id openai/clip-vit-base-patch32 --engine torch --port 7997
    WITHTHIS_ENCODER_URL=http://127.0.0.1:7997 WITHTHIS_ENCODER_MODEL=openai/clip-vit-base-patch32 \
    WITHTHIS_ENCODER_DIALECT=openai pytest -m soak -k real_embedding

`WITHTHIS_TEST_ENCODER_PATH`: the same weights of the CLIP family, with which its vectors are compared.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from rerank.query import Query
from service.build import load_encoder
from service.catalog.ingest import ingest
from service.encoders.remote.embedding_client import RemoteEncoder
from service.images.store.image_store import ImageStore
from service.settings import Settings, load_settings
from service.stores.exact.exact_store import ExactStore
from tests.integration.remote_encoders import BLUE, RED, a_feed

QUERIES = [Query("a red mug"), Query(image=RED), Query("with this", BLUE), Query("a cap", role="document")]

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif("WITHTHIS_ENCODER_URL" not in os.environ, reason="no embedding server is named"),
]


def test_a_real_embedding_server(tmp_path: Path) -> None:
    encoder = load_encoder(load_settings(encoder="remote"))
    assert isinstance(encoder, RemoteEncoder)
    with closing(encoder):
        vectors = encoder.encode(QUERIES).vectors
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert np.allclose(encoder.encode(QUERIES[::-1]).vectors[::-1], vectors, atol=2e-3)
        texts = [Query("a mug " * count) for count in range(1, 25)]
        with ThreadPoolExecutor(16) as callers:
            found = list(callers.map(lambda text: encoder.encode([text]).vectors[0], texts))
        assert np.allclose(found, encoder.encode(texts).vectors, atol=2e-3)  # each caller has its own
        store = ExactStore()
        assert ingest(a_feed(tmp_path, 20), encoder, store, ImageStore(tmp_path / "images")).indexed == 20
        if path := os.environ.get("WITHTHIS_TEST_ENCODER_PATH"):
            own = load_encoder(Settings(_env_file=None, encoder="clip", encoder_path=path))
            assert (own.encode(QUERIES).vectors * vectors).sum(1).min() > 0.99
