"""Composed vectors of models that embed texts and images apart.

The vector of both is L2norm(w · text + (1 - w) · image), of L2-normalized parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rerank.query import Query
from service.encoders.encoder import Embeddings


def sum_of_parts(
    embed: Callable[[Sequence[Query]], Embeddings], queries: Sequence[Query], text_weight: float
) -> Embeddings:
    """`embed` is given queries that have a text or an image, never both.

    `text_weight` is the text's share where `Query.text_share` does not say. A query is truncated if its text is.
    """
    parts = [(row, part) for row, query in enumerate(queries) for part in _parts(query)]
    found = embed([part for _, part in parts])
    vectors = np.zeros((len(queries), found.vectors.shape[1]), np.float32)
    truncated = np.zeros(len(queries), np.bool_)
    for place, (row, part) in enumerate(parts):
        vectors[row] += _share(queries[row], part, text_weight) * found.vectors[place]
        truncated[row] |= found.truncated[place]
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return Embeddings(np.asarray(vectors / np.maximum(norms, 1e-12), np.float32), truncated)


def _parts(query: Query) -> list[Query]:
    """The text and the image, each by itself."""
    text = [replace(query, image=None)] if query.text and query.text.strip() else []
    return [*text, *([replace(query, text=None)] if query.image is not None else [])]


def _share(query: Query, part: Query, text_weight: float) -> float:
    """How much a part counts: all, where it is the only one."""
    if len(_parts(query)) == 1:
        return 1.0
    share = text_weight if query.text_share is None else query.text_share
    return share if part.image is None else 1 - share
