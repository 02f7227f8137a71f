"""The encoder behind a server: what each dialect is sent, what is made of answers, and of everything else."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from rerank.query import Query
from service.catalog.documents import Documents
from service.encoders.options import DialectName, Instructions
from service.encoders.remote.dialects import DIALECTS
from service.errors import EmbeddingRefused
from tests.integration.embedding_server import DIMENSION, MODEL, EmbeddingServer
from tests.integration.remote_encoders import BLUE, BLUE_SAYS, RED, expected, opened, unit

NAMES = list(DIALECTS)
QUERIES = [
    Query("a mug"),
    Query(image=RED, role="document"),
    Query("with this", BLUE),
    Query("a blue cap", BLUE, role="document"),
    Query("a cap", role="document"),
    Query(image=BLUE),
]

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.mark.parametrize("name", NAMES)
def test_every_input_of_a_mixed_batch_gets_its_own_vector(server: EmbeddingServer, name: DialectName) -> None:
    with opened(server.url(name), name, batch=2) as encoder:
        found = encoder.encode(QUERIES)
        turned = encoder.encode(QUERIES[::-1])
    assert encoder.info.dimension == DIMENSION and encoder.info.modalities == {"text", "image", "composed"}
    assert encoder.info.weighs_parts == (name in ("openai", "jina"))
    assert found.vectors.dtype == np.float32 and not found.truncated.any()
    for row, query in enumerate(QUERIES):
        assert np.allclose(found.vectors[row], expected(server, name, query), atol=1e-6), query
    assert np.allclose(found.vectors[::-1], turned.vectors, atol=1e-6)


def image_url(body: Any) -> Any:
    """A body whose images are replaced by "image"."""
    return json.loads(json.dumps(body), object_hook=lambda found: {key: _short(value) for key, value in found.items()})


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(one) for one in value]
    return "image" if isinstance(value, str) and value.startswith("data:image/jpeg;base64,") else value


IMAGE_PART = {"type": "image_url", "image_url": {"url": "image"}}
SENT: dict[DialectName, list[dict[str, Any]]] = {
    "vllm": [
        {
            "model": MODEL,
            "encoding_format": "float",
            "dimensions": 8,
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "Find it. "}]},
                {"role": "user", "content": [IMAGE_PART, {"type": "text", "text": "with this"}]},
            ],
        }
    ],
    "openai": [
        {"model": MODEL, "encoding_format": "float", "dimensions": 8, "input": ["Find it. with this"]},
        {"model": MODEL, "encoding_format": "float", "dimensions": 8, "input": ["image"], "modality": "image"},
    ],
    "cohere": [
        {
            "model": MODEL,
            "input_type": "search_query",
            "inputs": [{"content": [IMAGE_PART, {"type": "text", "text": "with this"}]}],
            "embedding_types": ["float"],
            "truncate": "END",
            "output_dimension": 8,
        }
    ],
    "voyage": [
        {
            "model": MODEL,
            "input_type": "query",
            "inputs": [
                {
                    "content": [
                        {"type": "image_base64", "image_base64": "image"},
                        {"type": "text", "text": "with this"},
                    ]
                }
            ],
            "truncation": True,
            "output_dimension": 8,
        }
    ],
    "jina": [
        {
            "model": MODEL,
            "task": "retrieval.query",
            "input": [one],
            "embedding_type": "float",
            "truncate": True,
            "dimensions": 8,
        }
        for one in ({"text": "with this"}, {"image": "image"})
    ],
}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_server_is_sent_field_by_field(server: EmbeddingServer, name: DialectName) -> None:
    instructions = Instructions(query="Find it. ")
    with opened(server.url(name), name, dimensions=8, instructions=instructions, api_key="k-1") as encoder:
        assert encoder.info.dimension == 8
        server.bodies.clear()
        encoder.encode([Query("with this", BLUE)])
    sent = sorted(map(image_url, server.bodies), key=lambda body: "image" in str(body.get("input", "")))
    assert sent == SENT[name]
    assert {headers["authorization"] for headers in server.headers} == {"Bearer k-1"}


def test_vllm_cuts_long_texts_and_leaves_images_whole(server: EmbeddingServer) -> None:
    with opened(server.url("vllm"), "vllm") as encoder:
        server.bodies.clear()
        encoder.encode([Query("a mug"), Query("a mug", BLUE)])
    cut = {len(body["messages"][0]["content"]): body.get("truncate_prompt_tokens") for body in server.bodies}
    assert cut == {1: -1, 2: None}


def test_requests_hold_no_more_than_a_batch_and_one_role(server: EmbeddingServer) -> None:
    with opened(server.url("cohere"), batch=3) as encoder:
        server.bodies.clear()
        encoder.encode([Query(f"t{number}", role="document") for number in range(7)] + [Query("q")])
    sizes = sorted((body["input_type"], len(body["inputs"])) for body in server.bodies)
    assert sizes == [("search_document", 1), ("search_document", 3), ("search_document", 3), ("search_query", 1)]


def test_a_weighted_sum_follows_its_weights(server: EmbeddingServer) -> None:
    with opened(server.url("openai"), "openai", text_weight=0.25) as encoder:
        usual, given = encoder.encode([Query("with this", BLUE), Query("with this", BLUE, text_share=1.0)]).vectors
    text, image = unit(server.vector("with this")), unit(server.vector(BLUE_SAYS))
    total = 0.25 * text + 0.75 * image
    assert np.allclose(usual, total / np.linalg.norm(total), atol=1e-6)
    assert np.allclose(given, text, atol=1e-6)


def test_a_server_that_reads_no_images_embeds_texts(server: EmbeddingServer) -> None:
    server.refuses = lambda body: "modality" in body  # as TEI does
    with opened(server.url("openai"), "openai") as encoder:
        assert encoder.info.modalities == {"text"}
        assert Documents(encoder).form.fields == ("title", "category", "brand", "description")
        with pytest.raises(EmbeddingRefused):
            encoder.encode([Query(image=RED)])


def test_a_model_that_does_not_fuse_behind_a_dialect_that_could_is_summed_up(server: EmbeddingServer) -> None:
    server.refuses = lambda body: len(body["messages"][-1]["content"]) > 1  # as vLLM's CLIP does
    with opened(server.url("vllm"), "vllm") as encoder:
        assert encoder.info.weighs_parts and "composed" in encoder.info.modalities
        [vector] = encoder.encode([Query("with this", BLUE)]).vectors
    assert np.allclose(vector, unit(server.vector("with this"), server.vector(BLUE_SAYS)), atol=1e-6)


def test_one_refused_input_fails_alone(server: EmbeddingServer) -> None:
    with opened(server.url("cohere"), batch=8) as encoder:
        server.refuses = lambda body: "too long" in str(body)
        with pytest.raises(EmbeddingRefused):
            encoder.encode([Query(text) for text in ("a", "b", "too long", "c")])
        assert len(encoder.encode([Query(text) for text in "abc"]).vectors) == 3
