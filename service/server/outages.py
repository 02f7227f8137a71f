"""Recently logged outages."""

from __future__ import annotations

import math
import time


class Outages:
    """In an outage all requests fail alike, and a traceback takes many times as long to write as an answer."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._written: dict[str, float] = {}

    def is_new(self, type: str) -> bool:
        """Whether none of this type was logged in the last `every_s` seconds; records this one."""
        now = time.monotonic()
        due = now - self._written.get(type, -math.inf) >= self._every_s
        if due:
            self._written[type] = now
        return due
