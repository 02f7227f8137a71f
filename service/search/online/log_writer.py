"""Writes the search log in a separate thread, behind a bounded queue: a slow disk costs lines, not searches."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

logger = logging.getLogger(__name__)

QUEUE = 1000
"""Searches and feedbacks that may wait to be written: a few megabytes."""
CLOSE_S = 10.0
"""Longest wait at the end for what is still in the queue."""

Row = Mapping[str, object]
Result = Literal["written", "dropped", "failed"]


class Lines(Protocol):
    """The destination of lines; `LogFile` is one."""

    def append(self, line: bytes) -> None:
        """Add a line. Raises OSError on failure."""

    def close(self) -> None:
        """Close what is open."""


class LogWriter:
    """The queue and its thread. `put` may be called from any thread and never waits."""

    def __init__(self, lines: Lines, count: Callable[[Result, int], None], capacity: int = QUEUE) -> None:
        """`count` receives the outcome of lines: written, dropped (the queue was full) or failed (the disk was)."""
        self._lines = lines
        self._count = count
        self._queue: queue.Queue[Sequence[Row] | None] = queue.Queue(capacity)
        self._thread: threading.Thread | None = None
        self._failing = False

    def start(self) -> None:
        """Start writing."""
        self._thread = threading.Thread(target=self._run, name="search-log", daemon=True)
        self._thread.start()

    def put(self, rows: Sequence[Row]) -> bool:
        """Queue rows, all of them or none; False, and counted, if the queue is full."""
        try:
            self._queue.put_nowait(rows)
        except queue.Full:
            self._count("dropped", len(rows))
            return False
        return True

    def close(self) -> None:
        """Write what is in the queue and stop; waits for a hanging disk for `CLOSE_S` seconds."""
        if self._thread is None:
            return
        try:
            self._queue.put(None, timeout=CLOSE_S)
        except queue.Full:
            logger.error("the search log could not be completed: the disk does not respond")
            return
        self._thread.join(CLOSE_S)
        self._thread = None

    def _run(self) -> None:
        while (rows := self._queue.get()) is not None:
            for row in rows:
                self._write(row)
        self._lines.close()

    def _write(self, row: Row) -> None:
        try:
            self._lines.append(json.dumps(row, separators=(",", ":")).encode() + b"\n")
        except Exception:  # the declared fault boundary: the log must go on, and a service without a log, too
            if not self._failing:
                logger.exception("the search log cannot be written; further failures are only counted")
            self._failing = True
            self._count("failed", 1)
            return
        if self._failing:
            logger.warning("the search log is being written again")
        self._failing = False
        self._count("written", 1)
