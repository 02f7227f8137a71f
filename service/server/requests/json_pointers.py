"""JSON pointers (RFC 6901) into what a client sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from service.errors import WithThisError

_NOTHING = object()
NO_ALIASES: Mapping[str, str] = MappingProxyType({})


def json_pointer(
    document: object, location: Sequence[int | str], aliases: Mapping[str, str] = NO_ALIASES, missing: object = None
) -> str:
    """The place in `document` that a location of pydantic's is about.

    Locations also name what is in no document: which member of a union was tried, an item of a list where the client
    sent the one item alone, and our name of a field that has several (`aliases`: their name → ours). `missing`: the
    field at the end that should be there and is not.
    """
    parts, here, above = list[str](), document, ""
    for step in location:
        given = _given_name(here, step, aliases) if here is document else step
        dotted = f"{above}.{step}"  # filters name `attributes.size` in one
        name = next((name for name in (given, dotted) if _below(here, name) is not _NOTHING), None)
        above = str(step)
        if name is not None:
            here = _below(here, name)
            parts.append(escaped(str(name)))
        elif missing is not None and step == missing:
            parts.append(escaped(str(given)))
    return "".join(f"/{part}" for part in parts)


def _below(here: object, name: int | str) -> object:
    """The value under a name or number; `_NOTHING` if there is none."""
    if isinstance(here, Mapping):
        return here.get(name, _NOTHING)
    if isinstance(here, list) and isinstance(name, int) and name < len(here):
        return here[name]
    return _NOTHING


def repoint(error: WithThisError, document: Callable[[], object], aliases: Mapping[str, str] = NO_ALIASES) -> None:
    """Let the places of an error, which were found in our own names, be those of what the client sent."""
    errors: Any = error.extensions.get("errors")
    if errors:
        whole = document()
        placed = [{**one, "pointer": json_pointer(whole, _location(one["pointer"]), aliases)} for one in errors]
        error.extensions = {**error.extensions, "errors": placed}


def _location(pointer: str) -> list[int | str]:
    parts = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
    return [int(part) if part.isdecimal() else part for part in parts]


def escaped(name: str) -> str:
    """A name as a part of a pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _given_name(document: object, name: int | str, aliases: Mapping[str, str]) -> int | str:
    """The name under which the client sent a field."""
    if not isinstance(document, Mapping) or name in document:
        return name
    return next((theirs for theirs, ours in aliases.items() if ours == name and theirs in document), name)
