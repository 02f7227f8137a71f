"""Rate limits per caller.

The generic cell rate algorithm (ITU-T I.371): one number per caller, the time at which its bucket would be empty again.
Litestar's own limiter counts in fixed windows with a read and a write between which other requests come, keeps every
caller it ever saw, and sends no Retry-After; so this one is here.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_CALLERS = 10_000


class RateLimiter:
    """`per_minute` requests for each caller on average, as many at once; thread-safe; 0 means no limit.

    At most `MAX_CALLERS` are remembered; the one that was quiet for longest is forgotten first.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap = 60 / per_minute if per_minute else 0.0
        self._clock = clock
        self._empty_at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> int | None:
        """None if the request may pass; otherwise the seconds after which the next one may (at least 1)."""
        if not self._gap:
            return None
        with self._lock:
            now = self._clock()
            empty_at = max(now, self._empty_at.get(caller, now)) + self._gap
            too_soon = empty_at - now - 60
            if too_soon > 1e-9:
                return max(1, math.ceil(too_soon))
            self._empty_at[caller] = empty_at
            self._empty_at.move_to_end(caller)
            while len(self._empty_at) > MAX_CALLERS:
                self._empty_at.popitem(last=False)
        return None
