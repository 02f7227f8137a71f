"""Embeddings on disk, so that ten configurations of one encoder embed a data set once.

A folder for each encoder fingerprint holds safetensors files, each written whole and never changed: `keys` uint8
[n, 32], `vectors` float32 [n, dimension], `truncated` bool [n], `ms` float32 [n] (how long encoding took). The
fingerprint covers weights and preprocessing, and a key covers the content, so nothing here can be stale.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from rerank.query import Query
from service.encoders.encoder import Embeddings, Encoder, EncoderInfo, check_not_empty
from service.lab.digests import digest
from service.lab.lab_errors import ExperimentError
from service.lab.ledger import current_ledger
from service.stores.store import Vector
from service.support.whole_file import write_whole

SEGMENT = 256
"""Embeddings that are written together; at most this many are lost by a kill."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """One vector, float32 [dimension], whether its text was cut, and the milliseconds that encoding took."""

    vector: Vector
    truncated: bool
    ms: float


class EmbeddingCache:
    """Embeddings by key (SHA-256 in hex) of one encoder. One process at a time; not thread-safe."""

    def __init__(self, folder: Path, info: EncoderInfo) -> None:
        """Read what is there. Raises ExperimentError for a damaged file."""
        self._folder = folder / digest(info.id, info.fingerprint, info.dimension)[:16]
        self._dimension = info.dimension
        self._known: dict[str, Embedding] = {}
        self._new: dict[str, Embedding] = {}
        for path in sorted(self._folder.glob("*.safetensors")):
            self._known |= self._read(path)

    def __len__(self) -> int:
        """How many embeddings are known."""
        return len(self._known)

    def __contains__(self, key: str) -> bool:
        """Whether there is an embedding under a key."""
        return key in self._known

    def __getitem__(self, key: str) -> Embedding:
        """The embedding under a key. KeyError if there is none."""
        return self._known[key]

    def put(self, key: str, embedding: Embedding) -> None:
        """Keep an embedding; it reaches the disk with the next full segment."""
        self._known[key] = self._new[key] = embedding
        if len(self._new) >= SEGMENT:
            self.flush()

    def flush(self) -> None:
        """Write what is not on disk yet. Raises ExperimentError if the disk fails."""
        if not self._new:
            return
        rows = list(self._new.values())
        keys = np.frombuffer(b"".join(map(bytes.fromhex, self._new)), np.uint8).reshape(len(rows), 32)
        data = save(
            {
                "keys": keys,
                "vectors": np.stack([row.vector for row in rows]).astype(np.float32),
                "truncated": np.array([row.truncated for row in rows], np.bool_),
                "ms": np.array([row.ms for row in rows], np.float32),
            }
        )
        self._write(f"{digest(*self._new)[:32]}.safetensors", data)
        self._new = {}

    def _write(self, name: str, data: bytes) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._folder / name, data)
        except OSError as error:
            raise ExperimentError(
                f"Embeddings cannot be stored in {self._folder}. Check its permissions and disk space."
            ) from error

    def _read(self, path: Path) -> dict[str, Embedding]:
        try:
            parts = load_file(path)
            keys, vectors, truncated, ms = (parts[name] for name in ("keys", "vectors", "truncated", "ms"))
            if vectors.shape != (len(keys), self._dimension) or keys.shape[1:] != (32,):
                raise ValueError("other shapes")
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise ExperimentError(f"{path} is damaged. Delete it; its content will be embedded again.") from error
        return {
            key.tobytes().hex(): Embedding(vectors[row], bool(truncated[row]), float(ms[row]))
            for row, key in enumerate(keys)
        }


class CachedEncoder:
    """An `Encoder` that encodes the same content once, and records the time saved."""

    def __init__(self, encoder: Encoder, cache: EmbeddingCache) -> None:
        self._encoder = encoder
        self.cache = cache

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder behind this one."""
        return self._encoder.info

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode what is not known yet, in one batch. See `Encoder.encode`."""
        start = time.perf_counter()
        keys = [query_key(query) for query in queries]
        self.fill(keys, queries)
        found = [self.cache[key] for key in keys]
        spent = (time.perf_counter() - start) * 1000
        current_ledger().book("embed", sum(row.ms for row in found) - spent)
        vectors = np.stack([row.vector for row in found]) if found else np.zeros((0, self.info.dimension), np.float32)
        return Embeddings(vectors, np.array([row.truncated for row in found], np.bool_))

    def fill(self, keys: Sequence[str], queries: Sequence[Query]) -> None:
        """Make sure that there is an embedding under every key; `queries[i]` is what `keys[i]` stands for."""
        missing = {key: query for key, query in zip(keys, queries, strict=True) if key not in self.cache}
        if not missing:
            return
        check_not_empty(list(missing.values()))
        start = time.perf_counter()
        made = self._encoder.encode(list(missing.values()))
        ms = (time.perf_counter() - start) * 1000 / len(missing)
        for key, vector, truncated in zip(missing, made.vectors, made.truncated, strict=True):
            self.cache.put(key, Embedding(vector, bool(truncated), ms))


def query_key(query: Query) -> str:
    """The key of what is encoded: its role, its words, its pixels, their weights, and its instruction if it has one."""
    instruction = () if query.instruction is None else (query.instruction,)
    return digest(query.role, query.text, query.image, query.text_share, *instruction)
