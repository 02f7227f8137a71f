"""Delays between retries."""

import random
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["pause", "retry_after"]

_BASE_S, _CAP_S = 0.25, 4.0
_SECONDS = re.compile(r"\s*(\d{1,9})\s*", re.ASCII)


def pause(attempt: int, told_s: float | None) -> float:
    """Seconds before the try after `attempt` (from 0): what the server requested, plus exponential backoff with full
    jitter.

    The jitter spreads clients that were all refused at the same moment. Source: M. Brooker, "Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015.
    """
    return (told_s or 0.0) + random.uniform(0.0, min(_CAP_S, _BASE_S * 2.0**attempt))


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds in a Retry-After header (RFC 9110, 10.2.3: a number or a date); None if absent or malformed."""
    if value is None:
        return None
    if seconds := _SECONDS.fullmatch(value):
        return float(seconds[1])
    try:
        date = parsedate_to_datetime(value)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
