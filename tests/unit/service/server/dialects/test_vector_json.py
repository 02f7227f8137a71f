"""Answers with many vectors are the JSON that their models describe."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from litestar.testing import TestClient

from service.search.content_embedding import ContentVectors
from service.server.dialects import answers
from service.server.dialects.requests import EmbedBody, EmbeddingsBody
from service.server.dialects.vector_json import json_list
from service.wire.compatible import EmbeddingsOut, EmbedOut

FOUND = ContentVectors(np.eye(3, 4, dtype=np.float32), cut=(1,), words=7, images=0)
TRAP = '"float":[] "data":[] "embeddings":[]'


@pytest.mark.parametrize("form", ["float", "base64"])
def test_the_shape_of_openai(form: str) -> None:
    body = EmbeddingsBody.model_validate({"input": ["a"], "encoding_format": form})
    raw = answers.embedded(body, FOUND, TRAP)
    answer = EmbeddingsOut.model_validate_json(raw)
    assert [one.index for one in answer.data] == [0, 1, 2]
    assert answer.data[1].embedding == ([0.0, 1.0, 0.0, 0.0] if form == "float" else "AAAAAAAAgD8AAAAAAAAAAA==")
    assert (answer.model, answer.truncated, answer.usage.total_tokens) == (TRAP, [1], 7)


@pytest.mark.parametrize(
    ("types", "version", "expected"),
    [
        ([], "1", "list"),
        ([], "2", ["float"]),
        (["base64"], "1", ["base64"]),
        (["base64", "float"], "2", ["base64", "float"]),
    ],
)
def test_the_shape_of_cohere(types: list[str], version: str, expected: Any) -> None:
    body = EmbedBody.model_validate({"texts": [TRAP], "embedding_types": types})
    answer = EmbedOut.model_validate_json(answers.embedded_by_type(body, FOUND, version))
    assert answer.texts == [TRAP]
    lists = {"list": answer.embeddings} if isinstance(answer.embeddings, list) else answer.embeddings
    assert list(lists) == ([expected] if isinstance(expected, str) else expected)
    assert all(len(vectors) == 3 for vectors in lists.values())


def test_a_list_is_one_array() -> None:
    assert json.loads(json_list([[0.5], "a"])) == [[0.5], "a"]
    assert json_list([]) == b"[]"


def test_vectors_are_written_beside_the_event_loop(client: TestClient[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    written, seen = answers.written, list[bool]()

    def watched(*args: Any) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            seen.append(True)
        return written(*args)

    monkeypatch.setattr(answers, "written", watched)
    for route, body in (
        ("/v1/embeddings", {"input": "a"}),
        ("/v2/embed", {"texts": ["a"]}),
        ("/embed", {"inputs": "a"}),
    ):
        assert client.post(route, json=body).status_code == 200
    assert seen == [True] * 3
