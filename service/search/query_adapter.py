"""A low-rank adapter of query embeddings, learned by `withthis tune`; the catalog's embeddings stay as they are.

q' = L2norm(q + U V q + s), with V [rank, dimension], U [dimension, rank] and a shift s [dimension]: the update of LoRA
(Hu et al., arXiv 2106.09685) on an encoder's output instead of its weights, and a shift for what a shop's users want
whatever they ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rerank.query import Query
from service.encoders.encoder import Embeddings, Encoder, EncoderInfo
from service.errors import ConfigurationError
from service.stores.store import Vector
from service.support.whole_file import READABLE, write_whole

FORMAT = "withthis-query-adapter-1"
_NAMES = ("down", "up", "shift")


@dataclass(frozen=True, slots=True, eq=False)
class QueryAdapter:
    """`down` float32 [rank, dimension], `up` float32 [dimension, rank], `shift` float32 [dimension]."""

    down: Vector
    up: Vector
    shift: Vector

    def apply(self, vectors: Vector) -> Vector:
        """Query embeddings, float32 [n, dimension], L2-normalized, as the adapter makes them."""
        moved = vectors + vectors @ self.down.T @ self.up.T + self.shift
        return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12), np.float32)


class AdaptedEncoder:
    """An `Encoder` whose queries go through an adapter; documents do not."""

    def __init__(self, encoder: Encoder, adapter: QueryAdapter) -> None:
        self._encoder = encoder
        self._adapter = adapter

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder behind this one, which documents are embedded by."""
        return self._encoder.info

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """See `Encoder.encode`."""
        found = self._encoder.encode(queries)
        asked = np.array([query.role == "query" for query in queries], np.bool_)
        return Embeddings(np.where(asked[:, None], self._adapter.apply(found.vectors), found.vectors), found.truncated)


def adapted(encoder: Encoder, path: Path | None) -> Encoder:
    """The encoder behind the adapter of a file; None: as it is. Raises ConfigurationError."""
    return encoder if path is None else AdaptedEncoder(encoder, read_adapter(path, encoder.info))


def read_adapter(path: Path, info: EncoderInfo) -> QueryAdapter:
    """Read an adapter for an encoder. Raises ConfigurationError for a file that is none, or one of another encoder."""
    try:
        with safe_open(path, "numpy") as file:
            facts: Mapping[str, str] = file.metadata() or {}
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise ConfigurationError(
            f"The query adapter {path} cannot be read. Correct its path in the settings, or make one with "
            "`withthis tune`."
        ) from error
    if facts.get("format") != FORMAT or not _fits_together(found):
        raise ConfigurationError(f"{path} is not a query adapter. Make one with `withthis tune`.")
    if facts.get("encoder") != info.fingerprint or found["shift"].shape != (info.dimension,):
        raise ConfigurationError(
            f"The query adapter {path} was made for another encoder. Run `withthis tune` again, or take it "
            "out of the settings."
        )
    return QueryAdapter(*(found[name] for name in _NAMES))


def write_adapter(path: Path, adapter: QueryAdapter, info: EncoderInfo, facts: Mapping[str, str]) -> None:
    """Write an adapter for an encoder, whole or not at all; `facts` are kept with it. Raises OSError."""
    tensors = {"down": adapter.down, "up": np.ascontiguousarray(adapter.up), "shift": adapter.shift}
    metadata = {**facts, "format": FORMAT, "encoder": info.fingerprint}
    write_whole(path, save(tensors, metadata=metadata), mode=READABLE)


def _fits_together(found: Mapping[str, Vector]) -> bool:
    if found.keys() != set(_NAMES) or any(value.dtype != np.float32 for value in found.values()):
        return False
    down, up, shift = (found[name] for name in _NAMES)
    fits = down.ndim == 2 and up.shape == down.shape[::-1] and shift.shape == down.shape[1:]
    return fits and all(bool(np.isfinite(value).all()) for value in found.values())
