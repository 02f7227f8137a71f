"""A bulk ingest as a program that tests can kill: `python -m tests.integration.ingest_entry FOLDER [MOMENT]`.

Prints a line at each event. With `encoding`, it kills itself between a batch's vectors and its rows.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rerank.query import Query
from service.catalog.ingest import ingest
from service.encoders.encoder import Embeddings, EncoderInfo
from service.images.store.image_store import ImageStore
from service.stores.milvus.milvus_store import MilvusStore
from service.stores.store import Record

BATCHES_BEFORE_DEATH = 12


class MortalEncoder:
    """Vectors by a hash of the pixels; dies with its process after some batches. Loads no torch, which takes long."""

    info = EncoderInfo("hash", 8, "hash-1", frozenset({"image"}), 0)

    def __init__(self, batches: float = float("inf")) -> None:
        self.left = batches

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        hashes = [hashlib.sha256(query.image.tobytes() if query.image else b"").digest() for query in queries]
        vectors = np.frombuffer(b"".join(hashes), "<u4").reshape(-1, 8).astype(np.float32) + 1
        unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        return Embeddings(unit, np.zeros(len(queries), np.bool_))


class TalkingStore(MilvusStore):
    """Says when it writes."""

    def upsert(self, records: Sequence[Record]) -> None:
        print("writing", flush=True)
        super().upsert(records)


def main(folder: Path, moment: str) -> None:
    """Ingest the feed in the folder into the store in the folder."""
    store = TalkingStore(str(folder / "milvus.db"))
    encoder = MortalEncoder(BATCHES_BEFORE_DEATH if moment == "encoding" else float("inf"))
    images = ImageStore(folder / "images")
    report = ingest(
        folder / "feed.jsonl",
        encoder,
        store,
        images,
        workers=2,
        progress=lambda report: print(f"seen {report.seen}", flush=True),
    )
    store.close()
    print(f"done {report.unchanged} {report.indexed} {report.rejected}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
