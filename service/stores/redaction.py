"""What a store said when it failed, as the log may hold it.

Stores repeat the filters that they were sent, whose values are a caller's. So what is quoted is left out, and so is
everything from where an expression is cited.
"""

from __future__ import annotations

import re

_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?""", re.DOTALL)
_MAX_CHARS = 500


class StoreSaidError(Exception):
    """The cause of a StoreUnavailable, replacing the error of a store's library."""


def without_input(error: Exception) -> StoreSaidError:
    """The name of an error and its text, without callers' input."""
    before_expression = str(error).partition("expression")[0]
    return StoreSaidError(f"{type(error).__name__}: {_QUOTED.sub('…', before_expression)[:_MAX_CHARS]}")
