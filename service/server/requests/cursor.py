"""Cursors of a listing: where it continues, as a text that clients hand back unread.

Those of a search are in `service.search.paging`.
"""

from __future__ import annotations

from service.errors import InvalidValue
from service.product import is_storable_text
from service.search.paging import BROKEN, pack, unpack


def to_cursor(row_id: str) -> str:
    """The cursor behind a row."""
    return pack(row_id.encode())


def from_cursor(cursor: str) -> str:
    """The row id in a cursor. Raises InvalidValue if there is none."""
    try:
        row_id = unpack(cursor).decode()
    except UnicodeError as error:
        raise InvalidValue(BROKEN) from error
    if not row_id or not is_storable_text(row_id):
        raise InvalidValue(BROKEN)
    return row_id
