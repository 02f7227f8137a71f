"""When a call is retried: if the service is busy or absent (429, 503) and the call may be repeated, a few times."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_RETRIED = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retries` further tries; no single wait is longer than `longest_wait_s`.

    If the service names a wait (Retry-After), it is honored, and a longer one than allowed ends the tries. Otherwise
    waits double from `first_wait_s`, each shortened at random by up to half, so that clients do not retry all at once.
    """

    retries: int = 2
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0

    def wait_s(self, attempt: int, status: int, headers: Mapping[str, str], *, repeatable: bool) -> float | None:
        """Seconds to wait before the next try, or None if the answer to try `attempt` (from 0) is final."""
        if not repeatable or status not in _RETRIED or attempt >= self.retries:
            return None
        named = retry_after_s(headers)
        if named is not None:
            return named if named <= self.longest_wait_s else None
        return min(self.first_wait_s * 2.0**attempt, self.longest_wait_s) * random.uniform(0.5, 1.0)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds in Retry-After, which is a number or a date (RFC 9110 10.2.3); None if missing or malformed."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds: float = moment.timestamp() - time.time()
    return max(0.0, seconds)
