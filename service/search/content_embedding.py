"""Embeddings of texts and images that the caller provides: `/v1/embeddings` and related routes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.encoders.encoder import Encoder
from service.images.sources import ImageLoader
from service.search.contents import ContentOpener, PlacedQuery
from service.stores.store import Vector

ENCODE_BATCH = 16


@dataclass(frozen=True, slots=True)
class ContentVectors:
    """Vectors, float32 [n, dimension], L2-normalized, in the order of the inputs.

    `cut`: positions of inputs whose text was longer than the encoder reads. `words`: of all texts; what a token is
    differs from encoder to encoder.
    """

    vectors: Vector
    cut: tuple[int, ...]
    words: int
    images: int


def embed_contents(
    encoder: Encoder, image_loader: ImageLoader, contents: Sequence[PlacedQuery], *, max_pixels: int, size: int
) -> ContentVectors:
    """Decode and encode a few at a time, so that neither memory nor searches suffer from a long list, and so that an
    abandoned list ends. `size`: the first so many numbers of a vector are kept, and normalized again.

    Raises:
        InvalidInput: an image that cannot be used, or images of more than `max_pixels` together.
        Cancelled: the client has disconnected.
    """
    found, opener = [], ContentOpener(image_loader, max_pixels=max_pixels, contents=contents)
    for start in range(0, len(contents), ENCODE_BATCH):
        found.append(encoder.encode(opener.open(contents[start : start + ENCODE_BATCH])))
    truncated = np.concatenate([batch.truncated for batch in found])
    return ContentVectors(
        vectors=_shortened(np.concatenate([batch.vectors for batch in found]), size),
        cut=tuple(int(place) for place in np.flatnonzero(truncated)),
        words=sum(len((content.query.text or "").split()) for content in contents),
        images=sum(content.query.image is not None for content in contents),
    )


def _shortened(vectors: Vector, size: int) -> Vector:
    """Matryoshka embeddings (Kusupati et al., arXiv 2205.13147) of fewer dimensions; the others as they are."""
    if vectors.shape[1] == size:
        return vectors
    norms = np.linalg.norm(vectors[:, :size], axis=1, keepdims=True)
    return np.asarray(vectors[:, :size] / np.maximum(norms, 1e-12), np.float32)
