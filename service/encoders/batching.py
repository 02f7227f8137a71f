"""Micro-batching: queries that arrive at the same time from several threads go through the encoder together.

A single thread encodes; what an encoder can prepare of a query is begun before, in other threads. While it encodes a
batch, further calls queue up for the next one, so batches grow with the load; `max_wait_ms` only lets calls that arrive
together share a batch when the encoder is idle. After a call that was alone nobody waits: a single client would wait
for nothing. A batch that fails is tried again call by call: an error reaches the call that caused it, and no other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from rerank.cancellation import result_of
from rerank.query import Query
from service.encoders.encoder import Embeddings, Encoder, EncoderInfo, Preparing, check_not_empty
from service.errors import Overloaded

logger = logging.getLogger(__name__)


class _Call:
    """What one caller wants encoded, and where the answer goes."""

    __slots__ = ("arrived", "future", "queries")

    def __init__(self, queries: Sequence[Query]) -> None:
        self.queries = tuple(queries)
        self.arrived = time.monotonic()
        self.future: Future[Embeddings] = Future()


class BatchingEncoder:
    """An `Encoder` over another one. Close it: a thread is running behind it."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        max_batch: int = 32,
        max_wait_ms: float = 2.0,
        queue: int = 256,
        retry_after_s: int = 1,
    ) -> None:
        """`max_batch`: most queries encoded together (a single call with more stays whole); `max_wait_ms`: longest
        wait for further queries; `queue`: calls that may wait; `retry_after_s`: the answer to callers beyond that.
        """
        self._encoder = encoder
        self._max_batch = max_batch
        self._max_wait_s = max_wait_ms / 1000
        self._room = queue
        self._retry_after_s = retry_after_s
        self._waiting: deque[_Call] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._in_company = True
        """Whether calls came together lately."""
        self.on_batch: Callable[[int], None] | None = None
        """Called with the size of each encoded batch."""
        self._thread = threading.Thread(target=self._work, name="encoder", daemon=True)
        self._thread.start()

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder behind this one."""
        return self._encoder.info

    @property
    def behind(self) -> Encoder:
        """The encoder behind this one, for work that has batches of its own."""
        return self._encoder

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return len(self._waiting)

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode together with what other threads want encoded now. See `Encoder.encode`.

        Raises:
            EmptyQuery: one of them has neither a text nor an image.
            Overloaded: too many calls are waiting.
            Cancelled: the caller disconnected before its turn.
            RuntimeError: the encoder was closed.
        """
        return result_of(self.submit(queries))

    def submit(self, queries: Sequence[Query]) -> Future[Embeddings]:
        """The same without waiting. A future that is canceled before its turn costs the encoder nothing."""
        check_not_empty(queries)
        if isinstance(self._encoder, Preparing):
            self._encoder.prepare(queries)
        call = _Call(queries)
        with self._changed:
            if self._closed:
                raise RuntimeError("the encoder was closed")
            if len(self._waiting) >= self._room:
                self._forget_cancelled()
            if len(self._waiting) >= self._room:
                raise Overloaded(retry_after_s=self._retry_after_s)
            self._waiting.append(call)
            self._changed.notify_all()
        return call.future

    def close(self) -> None:
        """Answer the calls already taken, refuse further ones, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while (calls := self._next_batch()) is not None:
            self._answer([call for call in calls if call.future.set_running_or_notify_cancel()])

    def _next_batch(self) -> list[_Call] | None:
        """The calls of the next batch, oldest first; None when closed and done."""
        with self._changed:
            self._in_company |= bool(self._waiting)  # they came while others were encoded
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            if self._in_company:
                self._wait_for_company()
            batch: list[_Call] = []
            room = self._max_batch
            while self._waiting and (not batch or len(self._waiting[0].queries) <= room):
                batch.append(self._waiting.popleft())
                room -= len(batch[-1].queries)
            self._in_company = len(batch) > 1
            return batch

    def _wait_for_company(self) -> None:
        left = self._waiting[0].arrived + self._max_wait_s - time.monotonic()
        self._changed.wait_for(self._enough, timeout=max(0.0, left))

    def _enough(self) -> bool:
        return self._closed or sum(len(call.queries) for call in self._waiting) >= self._max_batch

    def _forget_cancelled(self) -> None:
        """Callers that disconnected must not block others."""
        self._waiting = deque(call for call in self._waiting if not call.future.cancelled())

    def _answer(self, calls: Sequence[_Call]) -> None:
        """Encode and deliver; the declared fault boundary of the thread: all exceptions reach the callers."""
        if not calls:
            return
        try:
            found = self._encode([query for call in calls for query in call.queries])
        except Exception as error:
            if len(calls) == 1:
                calls[0].future.set_exception(error)
                return
            logger.warning("a batch of %d calls failed; encoding them one by one", len(calls), exc_info=True)
            for call in calls:
                self._answer([call])
            return
        start = 0
        for call in calls:
            stop = start + len(call.queries)
            call.future.set_result(Embeddings(found.vectors[start:stop], found.truncated[start:stop]))
            start = stop

    def _encode(self, queries: Sequence[Query]) -> Embeddings:
        found = self._encoder.encode(queries)
        if self.on_batch is not None:
            self.on_batch(len(queries))
        if len(found.vectors) != len(queries) or len(found.truncated) != len(queries):
            raise RuntimeError(f"the encoder gave {len(found.vectors)} vectors for {len(queries)} queries")
        return found
