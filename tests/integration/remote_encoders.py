"""Encoders behind the test server of embeddings, and what their vectors must be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rerank.model_server.breaker import Breaker
from rerank.model_server.client import ModelServer
from rerank.query import Query
from service.encoders.options import DialectName
from service.encoders.remote.dialects import DIALECTS, Wanted
from service.encoders.remote.embedding_client import RemoteEncoder
from service.stores.store import Vector
from tests.integration.embedding_server import MODEL, EmbeddingServer
from tests.unit.service.images.sample_images import sample_image

RED, BLUE = Image.new("RGB", (40, 30), (224, 16, 16)), Image.new("RGB", (30, 40), (16, 16, 224))
RED_SAYS, BLUE_SAYS = (7, 0, 0), (0, 0, 7)


@contextmanager
def opened(
    url: str,
    name: DialectName = "cohere",
    *,
    dimensions: int | None = None,
    retries: int = 0,
    breaker: Breaker | None = None,
    api_key: str | None = None,
    concurrency: int = 4,
    **options: Any,
) -> Iterator[RemoteEncoder]:
    """An encoder, closed at the end."""
    with closing(
        ModelServer(url, retries=retries, breaker=breaker, api_key=api_key, concurrency=concurrency)
    ) as client:
        yield RemoteEncoder(client, DIALECTS[name], Wanted(MODEL, dimensions), name=f"remote/{MODEL}", **options)


def unit(*vectors: Vector) -> Vector:
    """The normalized sum of normalized vectors."""
    total = sum(vector / np.linalg.norm(vector) for vector in vectors)
    return np.asarray(total / np.linalg.norm(total), np.float32)


def expected(server: EmbeddingServer, name: DialectName, query: Query, *, instruction: str = "") -> Vector:
    """What the server makes of a query, by what it must have been told."""
    color = None if query.image is None else RED_SAYS if query.image is RED else BLUE_SAYS
    image: list[object] = [] if color is None else [color]
    text: list[object] = [query.text] if query.text else []
    match name:
        case "vllm":
            return unit(server.vector(*([instruction] if instruction else []), *image, *text))
        case "openai":
            return unit(*[server.vector(one) for one in image], *[server.vector(f"{instruction}{t}") for t in text])
        case "cohere":
            return unit(server.vector(f"search_{query.role}", *image, *text))
        case "voyage":
            return unit(server.vector(query.role, *image, *text))
        case "jina":
            task = "retrieval.query" if query.role == "query" else "retrieval.passage"
            return unit(*[server.vector(task, one) for one in [*image, *text]])


def a_feed(folder: Path, count: int) -> Path:
    """A feed of products with an image each."""
    lines = ["id,title,image"]
    for number in range(count):
        (folder / f"{number}.png").write_bytes(sample_image((number * 10, 0, 0)))
        lines.append(f"p{number},Title {number},{number}.png")
    (folder / "feed.csv").write_text("\n".join(lines))
    return folder / "feed.csv"
