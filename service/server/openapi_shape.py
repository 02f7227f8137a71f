"""Adapts the generated OpenAPI document to what validators and client generators agree on.

Litestar writes unions as `oneOf`, even if several members match (1 is an integer and a number), and describes its
own errors on routes with a path parameter; pydantic writes `default: null`, which generators take for a field that is
always there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

FIRST_ERROR = 400
_COMBINED = ("oneOf", "anyOf")
_INTEGER, _NUMBER = {"type": "integer"}, {"type": "number"}


def reshaped(document: Mapping[str, Any], problem: Mapping[str, Any]) -> dict[str, Any]:
    """The document with one way to write unions and one shape of errors; `problem` is the content of an error."""
    shaped: dict[str, Any] = _node(document)
    for operations in shaped["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= FIRST_ERROR:
                    response["content"] = problem
            for parameter in operation.get("parameters", ()):
                _never_null(parameter["schema"])
    return shaped


def with_defaults_in_words(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A model of a request whose defaults stand in the descriptions: openapi-typescript makes a field with a default
    one that has to be sent.
    """
    if "properties" not in schema:
        return dict(schema)
    return {**schema, "properties": {name: _in_words(field) for name, field in schema["properties"].items()}}


def _in_words(field: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in field.items() if name != "default"}
    if field.get("default") is not None:
        told = f"default: {json.dumps(field['default'])}"
        plain["description"] = f"{plain['description']}; {told}" if "description" in plain else told
    return plain


def limited(schemas: dict[str, Any], limits: Mapping[tuple[str, str], Mapping[str, int]]) -> None:
    """Add the bounds of this service's settings, by model and field, to the member that is not null."""
    for (model, field), bounds in limits.items():
        schema = schemas[model]["properties"][field]
        next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema).update(bounds)


def _node(node: Any) -> Any:
    if isinstance(node, list):
        return [_node(one) for one in node]
    if not isinstance(node, Mapping):
        return node
    plain = {name: _node(value) for name, value in node.items() if not (name == "default" and value is None)}
    members = [member for name in _COMBINED for member in _members(plain.pop(name, ()))]
    if _NUMBER in members:
        members = [member for member in members if member != _INTEGER]
    return {**plain, "anyOf": members} if members else plain


def _members(members: Any) -> list[Any]:
    """The members of a union, those of unions in it among them."""
    flat: list[Any] = []
    for member in members:
        flat += member["anyOf"] if isinstance(member, dict) and member.keys() == {"anyOf"} else [member]
    return flat


def _never_null(schema: dict[str, Any]) -> None:
    """A parameter that is not given is left out; there is no null in a URL."""
    if isinstance(schema.get("type"), list):
        (schema["type"],) = (kind for kind in schema["type"] if kind != "null")
        schema["enum"] = [value for value in schema.get("enum", ()) if value is not None]
