"""What parts of the server note on a request for one another."""

from __future__ import annotations

from typing import Any, cast

from litestar.types import Scope


def notes(scope: Scope) -> dict[str, Any]:
    """The notes by name: ASGI lets applications add keys of their own to a scope, which its type does not know."""
    return cast("dict[str, Any]", scope)
