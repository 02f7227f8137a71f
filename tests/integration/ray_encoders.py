"""Encoders for Ray's workers, which import them by name. They load no torch, which takes long."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rerank.query import Query
from service.encoders.encoder import Embeddings, Encoder
from service.errors import EncoderUnavailable
from tests.integration.ingest_entry import MortalEncoder


class _DiesOnce(MortalEncoder):
    def __init__(self, marker: Path) -> None:
        super().__init__()
        self._marker = marker

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        if not self._marker.exists():
            self._marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(queries)


@dataclass(frozen=True)
class LoadMortal:
    """Loads an encoder that takes its worker with it once, if there is a file to note that down."""

    marker: Path | None = None

    def __call__(self) -> Encoder:
        return MortalEncoder() if self.marker is None else _DiesOnce(self.marker)


def load_nothing() -> Encoder:
    """Fails as a missing file of weights does."""
    raise EncoderUnavailable("There are no weights.")


def load_badly() -> Encoder:
    """Fails as nothing of ours should."""
    raise ZeroDivisionError
