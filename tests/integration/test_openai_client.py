"""OpenAI's own client, unchanged, gets its embeddings from the service, and its errors."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest

from service.server.access.api_keys import hash_key
from tests.fakes import DIMENSION, Shop, make_shop, png
from tests.integration.live import live

SECRET = "wt_client"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with one key."""
    return make_shop(tmp_path, api_keys=[{"name": "shop", "sha256": hash_key(SECRET), "scopes": ["search"]}])


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    """Where it answers."""
    with live(shop) as address:
        yield f"{address}/v1"


def test_embeddings_with_the_openai_client(shop: Shop, url: str) -> None:
    with openai.OpenAI(base_url=url, api_key=SECRET, max_retries=0) as client:
        answer = client.embeddings.create(model="fake", input=["a mug", "a cap"])  # asks for base64 by itself
        plain = client.embeddings.create(model="fake", input="a cap", encoding_format="float", dimensions=DIMENSION)
        image = {"content": [{"type": "image_url", "image_url": {"url": _uri()}}]}
        composed = client.embeddings.create(model="fake", input=[image])  # type: ignore[arg-type]
    assert [item.index for item in answer.data] == [0, 1]
    assert np.allclose(answer.data[1].embedding, plain.data[0].embedding)
    assert answer.usage.total_tokens == 4
    assert len(composed.data[0].embedding) == DIMENSION and shop.encoder.seen[-1].image is not None


def test_its_errors_carry_our_advice(url: str) -> None:
    stranger = openai.OpenAI(base_url=url, api_key="wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError):
        stranger.embeddings.create(model="fake", input="a")
    client = openai.OpenAI(base_url=url, api_key=SECRET, max_retries=0)
    with client, pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="text-embedding-3-small", input="a")
    assert "Name it or withthis" in caught.value.message and caught.value.code == "invalid-value"
    with (
        openai.OpenAI(base_url=url, api_key=SECRET, max_retries=0) as client,
        pytest.raises(openai.APIError) as caught_place,
    ):
        client.embeddings.create(model="fake", input=["a", "b"], extra_body={"colour": "red"})
    assert "/colour: This field is not known." in str(caught_place.value) and caught_place.value.param == "/colour"


def _uri() -> str:
    return "data:image/png;base64," + base64.b64encode(png()).decode()
