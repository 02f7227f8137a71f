"""Pages of one search, and the cursors that lead from one to the next.

While the catalog does not change, pages never repeat or skip a product, whatever their
sizes. Pages after the first are cut from the search window (the best products, as many as the settings say), less
what the first page showed, in retrieval order; the first page alone is reranked. After a change a page is cut from the
new order, so a product may come again or be skipped.

A cursor holds the number of products shown, short hashes of those on the first page (an index that is not exact may
find others for a first page alone than for the window), and a digest of all that and of the query. With another query,
encoder or text of its own it is refused. It is no secret and needs none: whoever forges one gets another page of the
same window.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import InvalidValue
from service.stores.store import Hit
from service.wire.limits import MAX_CURSOR_CHARS

BROKEN = "This is not a cursor of this service. Use next_cursor of the last answer, or leave it out to start over."
OTHER_QUERY = (
    "This cursor belongs to another search. Send it with the text, image, filter and options of the previous "
    "page, or leave it out to start over."
)
_DIGEST = 16
_SHORT = 8
_COUNT = 4


@dataclass(frozen=True, slots=True)
class Cursor:
    """`shown`: products on the previous pages; `first`: short hashes of those on the first page."""

    shown: int
    first: frozenset[bytes]

    @classmethod
    def after_first(cls, hits: Sequence[Hit]) -> Cursor:
        """The cursor after a first page."""
        return cls(len(hits), frozenset(_short(hit) for hit in hits))

    def moved(self, further: int) -> Cursor:
        """The cursor after a later page."""
        return Cursor(self.shown + further, self.first)

    def rest(self, window: Sequence[Hit]) -> list[Hit]:
        """The hits after this cursor in a window."""
        later = [hit for hit in window if _short(hit) not in self.first]
        return later[self.shown - len(self.first) :]

    def to_text(self, query: bytes) -> str:
        """The cursor for clients, bound to a query by its digest."""
        body = self.shown.to_bytes(_COUNT) + b"".join(sorted(self.first))
        return pack(_bind(body, query) + body)

    @classmethod
    def from_text(cls, text: str, query: bytes) -> Cursor:
        """Read a cursor back. Raises InvalidValue for a broken one, and for one of another query."""
        data = unpack(text)
        digest, body = data[:_DIGEST], data[_DIGEST:]
        shown, hashes = int.from_bytes(body[:_COUNT]), body[_COUNT:]
        first = frozenset(hashes[start : start + _SHORT] for start in range(0, len(hashes), _SHORT))
        if len(body) < _COUNT or len(hashes) % _SHORT or shown < len(first):
            raise InvalidValue(BROKEN)
        if digest != _bind(body, query):
            raise InvalidValue(OTHER_QUERY)
        return cls(shown, first)


def pack(data: bytes) -> str:
    """Bytes as URL-safe text."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unpack(text: str) -> bytes:
    """The bytes of such a text. Raises InvalidValue if it is invalid or too long."""
    if len(text) > MAX_CURSOR_CHARS:
        raise InvalidValue(BROKEN)
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError) as error:
        raise InvalidValue(BROKEN) from error


def digest(*parts: object) -> bytes:
    """One digest of several plain values."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).digest()


def _bind(body: bytes, query: bytes) -> bytes:
    return hashlib.sha256(query + body).digest()[:_DIGEST]


def _short(hit: Hit) -> bytes:
    return hashlib.sha256(hit.product_id.encode()).digest()[:_SHORT]
