"""API keys: random secrets, of which the service stores only the SHA-256.

A key holds 256 random bits, so a plain hash is enough to keep it safe: dictionary attacks do not apply, and a slow hash
would only be a way to overload the service. Comparison takes the same time for every key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.wire.catalogs import CatalogName

Scope = Literal["search", "write", "admin"]
KEY_PREFIX = "wt_"
MAX_KEY_CHARS = 512


class ApiKey(BaseModel):
    """The settings of one key. `name` is for logs and metrics; `admin` includes the other scopes; `catalogs` are those
    that it opens, None: all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)] = frozenset({"search"})

    catalogs: Annotated[frozenset[CatalogName], Field(min_length=1)] | None = None

    def opens(self, catalog: str) -> bool:
        """True if this key opens a catalog, whether that exists or not."""
        return self.catalogs is None or catalog in self.catalogs

    def allows(self, scope: Scope) -> bool:
        """True if this key opens routes of a scope."""
        return scope in self.scopes or "admin" in self.scopes


def hash_key(secret: str) -> str:
    """SHA-256 of a key in hex, as the settings hold it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def new_key() -> str:
    """A fresh secret."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


class KeyRing:
    """The keys that the service knows; an empty ring means that no key is required."""

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._keys = tuple(keys)

    @property
    def is_open(self) -> bool:
        """True if no key is needed."""
        return not self._keys

    def find(self, secret: str) -> ApiKey | None:
        """The key with this secret. Every key is compared, even after a match."""
        digest = hash_key(secret[: MAX_KEY_CHARS + 1])
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found
