"""Answers with many vectors, written as JSON vector by vector.

A list of two thousand takes a tenth of a second, in which one call of a JSON library would keep the interpreter's lock,
and so the event loop from all others, whatever thread it is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel
from pydantic_core import to_json


def json_list(items: Iterable[object]) -> bytes:
    """The items as a JSON array."""
    return b"[" + b",".join(to_json(item) for item in items) + b"]"


def with_lists(answer: BaseModel, lists: Mapping[str, Iterable[object]]) -> bytes:
    """An answer as JSON, with items in place of the empty lists that have these names, in their order."""
    parts, rest = list[bytes](), answer.model_dump_json().encode()
    for name, items in lists.items():
        # Quotes within texts are escaped, so that this is found in no text.
        before, found, rest = rest.partition(f'"{name}":[]'.encode())
        assert found, name
        parts += [before, found[:-2], json_list(items)]
    return b"".join((*parts, rest))
