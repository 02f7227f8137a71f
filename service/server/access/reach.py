"""Which catalogs a caller may know of, where a route is about several."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.types import Scope

from service.server.access.api_keys import ApiKey
from service.server.scope_notes import notes

_REACH = "withthis_reach"


@dataclass(frozen=True, slots=True)
class Reach:
    """All catalogs, or those named."""

    catalogs: frozenset[str] | None

    @classmethod
    def of(cls, key: ApiKey | None, *, is_open: bool) -> Reach:
        """Of a caller with this key; without a key, of everyone if the service is open to them, else of nothing."""
        if key is not None:
            return cls(key.catalogs)
        return cls(None if is_open else frozenset())

    def __contains__(self, catalog: str) -> bool:
        return self.catalogs is None or catalog in self.catalogs


def note_reach(scope: Scope, reach: Reach) -> None:
    """Remember what a request may know."""
    notes(scope)[_REACH] = reach


def reach_of(scope: Scope) -> Reach:
    """What a request may know; nothing if no guard has looked at it."""
    found: Reach = notes(scope).get(_REACH, Reach(frozenset()))
    return found
