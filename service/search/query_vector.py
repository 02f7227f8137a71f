"""From a validated query to the embedding that products are compared with.

Weights    the share of the text in the sum is text / (text + image); for encoders that compose by a sum alone.
Negative   q' = L2norm(q - λ · L2norm(negative)): Rocchio, "Relevance Feedback in Information Retrieval", in Salton
           (ed.), The SMART Retrieval System, 1971, with the query's own weight 1, no relevant documents, and the
           negative text in place of the center of the non-relevant ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rerank.query import Query
from service.encoders.encoder import Encoder, EncoderInfo
from service.errors import InvalidValue
from service.search.retrieval_types import Negative, QueryWeights
from service.stores.store import Vector

NOT_WEIGHTED = (
    "The configured encoder reads text and image together and cannot weight them. Leave weights out, or use an "
    "encoder that adds them up (clip, chinese-clip, siglip, marqo-ecommerce, tips, bge-vl)."
)
NOTHING_TO_WEIGH = "weights are for queries with a text and an image. Give both, or leave weights out."
NO_WEIGHT = "weights.text and weights.image must be 0 or more, and not both 0."
NOTHING_LEFT = "negative_text cancels the whole query. Lower negative_weight, or change negative_text."
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
    encoder: Encoder, query: Query, weights: QueryWeights | None, negative: Negative | None
) -> tuple[Vector, bool]:
    """The vector, float32 [dimension], L2-normalized, and whether a text was cut. Raises InvalidValue."""
    share = None if weights is None else weights.text / (weights.text + weights.image)
    queries = [replace(query, text_share=share)]
    if negative is not None:
        queries.append(Query(negative.text))
    found = encoder.encode(queries)
    vector = found.vectors[0]
    if negative is not None:
        vector = away_from(vector, found.vectors[1], negative.weight)
    return vector, bool(found.truncated.any())


def away_from(vector: Vector, negative: Vector, weight: float) -> Vector:
    """`vector` moved away from `negative`; both L2-normalized. Raises InvalidValue if next to nothing is left."""
    moved = vector - np.float32(weight) * negative
    norm = float(np.linalg.norm(moved))
    if norm < _LEAST_NORM:
        raise InvalidValue(NOTHING_LEFT)
    return np.asarray(moved / norm, np.float32)
