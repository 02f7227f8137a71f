"""A reply of a server → vectors, or an error that says what is wrong with it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rerank.errors import EngineError

__all__ = ["unit_rows"]

_LEAST_NORM = 1e-6


def unit_rows(found: Sequence[object] | None, count: int, dimension: int | None) -> npt.NDArray[np.float32]:
    """The vectors of a reply, float32 [count, dimension], L2-normalized; `dimension` None: as they come.

    Raises EngineError for another number of them, another dimension, and what is no direction: other things than
    numbers, NaN, infinities, zero.
    """
    if found is None:
        raise EngineError("the embedding server's reply holds no embeddings")
    if len(found) != count:
        raise EngineError(f"the embedding server returned {len(found)} embeddings for {count} inputs")
    try:
        vectors = np.array(found, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise EngineError("the embedding server returned embeddings that are not lists of numbers") from error
    if vectors.ndim != 2 or vectors.shape[1] == 0:
        raise EngineError("the embedding server returned embeddings that are not lists of numbers")
    if dimension is not None and vectors.shape[1] != dimension:
        raise EngineError(f"the embedding server returned {vectors.shape[1]} dimensions instead of {dimension}")
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or norms.min() < _LEAST_NORM:
        raise EngineError("the embedding server returned embeddings that are zero or not finite")
    return np.asarray(vectors / norms, np.float32)
