"""Indexing waits for an embedding server that is away: what it does takes hours, and a restart takes minutes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import TypeVar

from rerank.cancellation import sleep
from rerank.model_server.pauses import pause
from rerank.query import Query
from service.encoders.encoder import Embeddings, Encoder, EncoderInfo
from service.errors import EmbeddingServerUnavailable

__all__ = ["PatientEncoder", "patiently"]

T = TypeVar("T")
_log = logging.getLogger(__name__)


class PatientEncoder:
    """An `Encoder` over another one, for work that nobody waits for: it tries again for `patience_s` seconds."""

    def __init__(self, encoder: Encoder, patience_s: float) -> None:
        self._encoder, self._patience_s = encoder, patience_s

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder behind this one."""
        return self._encoder.info

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode a batch, as often as it takes. Raises as `Encoder.encode`."""
        return patiently(lambda: self._encoder.encode(queries), self._patience_s)


def patiently(call: Callable[[], T], patience_s: float, *, pause_for: Callable[[float], None] = sleep) -> T:
    """The result of a call, tried again with growing pauses while the embedding server is unavailable.

    Raises EmbeddingServerUnavailable if it still is after `patience_s` seconds, and whatever else the call raises.
    """
    end = time.monotonic() + patience_s
    for attempt in count():
        try:
            return call()
        except EmbeddingServerUnavailable as error:
            wait = pause(attempt, 0.5)
            if time.monotonic() + wait >= end:
                raise
            if attempt == 0:
                _log.warning("waiting for the embedding server: %s", error.detail)
        pause_for(wait)
    raise AssertionError  # count() does not end
