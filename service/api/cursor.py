"""Cursors: where a listing goes on, as a text that clients hand back unread."""

from __future__ import annotations

import base64
import binascii

from service.errors import InvalidValue
from service.products import is_storable_text

MAX_CURSOR_CHARS = 2048
BROKEN = "This is no cursor of this service. Use next_cursor of the last answer, or leave it out to start again."


def to_cursor(row_id: str) -> str:
    """The cursor behind a row."""
    return base64.urlsafe_b64encode(row_id.encode()).decode().rstrip("=")


def from_cursor(cursor: str) -> str:
    """The row id in a cursor. Raises InvalidValue if there is none."""
    try:
        if len(cursor) > MAX_CURSOR_CHARS:
            raise InvalidValue(BROKEN)
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        row_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise InvalidValue(BROKEN) from error
    if not row_id or not is_storable_text(row_id):
        raise InvalidValue(BROKEN)
    return row_id
