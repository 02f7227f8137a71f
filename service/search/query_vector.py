"""From a validated query to the embedding that products are compared with.

Weights    the share of the text in the sum is text / (text + image); for encoders that compose by a sum alone.
Images     of several images the text is composed with each, as the encoder composes, and q = L2norm(Σ wᵢ · qᵢ / Σ wᵢ):
           the center of relevant documents in Rocchio, "Relevance Feedback in Information Retrieval", in Salton (ed.),
           The SMART Retrieval System, 1971, with weights. No encoder here reads several images at once.
Negative   q' = L2norm(q - λ · n), Rocchio, with the query's own weight 1; n is the mean of the embeddings of the
           negative text and the negative image, in place of the center of the non-relevant documents. Products are then
           in the order of cos(q, p) - λ · mean cos(nᵢ, p).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rerank.query import Query
from service.encoders.encoder import Encoder, EncoderInfo
from service.errors import InvalidValue
from service.search.retrieval_types import QueryWeights
from service.stores.store import Vector

NOT_WEIGHTED = (
    "The configured encoder reads text and image together and cannot weight them. Leave weights out, or use an "
    "encoder that adds them up (clip, chinese-clip, siglip, marqo-ecommerce, tips, bge-vl)."
)
NOTHING_TO_WEIGH = "weights are for queries with a text and an image. Give both, or leave weights out."
NO_WEIGHT = "weights.text and weights.image must be 0 or more, and not both 0."
NOTHING_LEFT = (
    "negative_text or negative_image cancels the whole query. Lower negative_weight, or change what is not wanted."
)
OPPOSITE = "The embeddings of the images cancel each other out. Leave one of images out, or change its weight."
_LEAST_NORM = 1e-3


def check_weights(weights: QueryWeights, info: EncoderInfo, *, composed: bool) -> None:
    """Raise InvalidValue for weights that cannot be used with this query or encoder."""
    if min(weights.text, weights.image) < 0 or weights.text + weights.image == 0:
        raise InvalidValue(NO_WEIGHT)
    if not info.weighs_parts:
        raise InvalidValue(NOT_WEIGHTED)
    if not composed:
        raise InvalidValue(NOTHING_TO_WEIGH)


def query_vector(
    encoder: Encoder,
    wanted: Sequence[Query],
    *,
    image_weights: Sequence[float] = (),
    weights: QueryWeights | None = None,
    unwanted: Sequence[Query] = (),
    negative_weight: float = 0.0,
) -> tuple[Vector, bool]:
    """The vector, float32 [dimension], L2-normalized, and whether a text was cut.

    `wanted`: the query once for each of its images, with a weight for each; `unwanted`: what to move away from.

    Raises InvalidValue.
    """
    share = None if weights is None else weights.text / (weights.text + weights.image)
    found = encoder.encode([*(replace(query, text_share=share) for query in wanted), *unwanted])
    vectors, others = found.vectors[: len(wanted)], found.vectors[len(wanted) :]
    vector = vectors[0] if len(wanted) == 1 else center(vectors, image_weights)
    if unwanted:
        vector = away_from(vector, others.mean(axis=0, dtype=np.float32), negative_weight)
    return vector, bool(found.truncated.any())


def center(vectors: Vector, weights: Sequence[float]) -> Vector:
    """The weighted mean of vectors [n, dimension], L2-normalized as they are. Raises InvalidValue if they cancel."""
    shares = np.asarray(weights, np.float64)
    return _normalized(shares / shares.sum() @ vectors.astype(np.float64), OPPOSITE)


def away_from(vector: Vector, negative: Vector, weight: float) -> Vector:
    """`vector`, L2-normalized, moved away from `negative`. Raises InvalidValue if next to nothing is left."""
    return _normalized(vector - np.float32(weight) * negative, NOTHING_LEFT)


def _normalized(vector: np.ndarray[Any, np.dtype[Any]], advice: str) -> Vector:
    norm = float(np.linalg.norm(vector))
    if norm < _LEAST_NORM:
        raise InvalidValue(advice)
    return np.asarray(vector / norm, np.float32)
