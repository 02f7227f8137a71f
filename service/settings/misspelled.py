"""Variables that look like settings but are not."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

PREFIX = "WITHTHIS_"


def misspelled(variables: Iterable[str], known: Collection[str]) -> list[str]:
    """A sentence for each variable that begins like a setting but is not one, with the nearest setting."""
    names = sorted(name.upper() for name in variables if name.upper().startswith(PREFIX))
    return [_sentence(name, known) for name in names if name not in known]


def _sentence(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, 1, cutoff=0.8)
    hint = f"did you mean {near[0]}?" if near else "the reference lists all settings."
    return f"{name} is not a setting and has no effect; {hint}"
