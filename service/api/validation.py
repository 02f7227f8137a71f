"""From pydantic's errors to ours: where in the request, and what to do about it, in fixed words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from service.errors import FilterError, InvalidInput, InvalidValue, UnknownField

T = TypeVar("T", bound=BaseModel)

MAX_REPORTED = 20
MAX_POINTER_CHARS = 200
_TAG = re.compile(r"<[a-z_]+>")  # which member of a union was meant: no place in the request

_TEXTS: Mapping[str, str] = {
    "extra_forbidden": "This field is not known. Remove it or check its spelling.",
    "missing": "This field is required.",
    "greater_than_equal": "Must be at least {ge}.",
    "greater_than": "Must be greater than {gt}.",
    "less_than_equal": "Must be at most {le}.",
    "less_than": "Must be less than {lt}.",
    "string_too_long": "Must have at most {max_length} characters.",
    "string_too_short": "Must have at least {min_length} characters.",
    "string_type": "Must be a string.",
    "int_type": "Must be a whole number.",
    "int_from_float": "Must be a whole number.",
    "float_type": "Must be a number.",
    "bool_type": "Must be true or false.",
    "finite_number": "Must be a finite number.",
    "dict_type": "Must be an object.",
    "model_type": "Must be an object.",
    "model_attributes_type": "Must be an object.",
    "list_type": "Must be an array.",
    "union_tag_not_found": "This form is not known. The known forms are listed at /schema.",
    "json_invalid": "This is not valid JSON.",
}
_FALLBACK = "This value is not allowed here. The allowed values are listed at /schema."


def parse_body(model: type[T], raw: bytes | str) -> T:
    """Check JSON against a model.

    Raises:
        InvalidInput: `UnknownField`, `FilterError` or `InvalidValue`, with `errors`: a list of JSON pointer and advice.
    """
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise to_problem(error.errors(include_url=False, include_input=False)) from error


def to_problem(errors: Sequence[Mapping[str, Any]]) -> InvalidInput:
    """The error of ours that says what is wrong with a body."""
    listed = [{"pointer": _pointer(error["loc"]), "detail": _text(error)} for error in errors[:MAX_REPORTED]]
    if any(error["type"] == "json_invalid" for error in errors):
        return InvalidInput("The body is not valid JSON. Send one JSON object, encoded as UTF-8.")
    if any(error["loc"][:1] == ("filter",) for error in errors):
        return FilterError(errors=listed)
    if all(error["type"] == "extra_forbidden" for error in errors):
        return UnknownField(errors=listed)
    return InvalidValue(errors=listed)


def _pointer(location: Sequence[int | str]) -> str:
    """RFC 6901; the escapes for ~ and / come first. Long names are cut: they are the caller's own words."""
    named = (str(part) for part in location if not _TAG.fullmatch(str(part)))
    parts = (part.replace("~", "~0").replace("/", "~1") for part in named)
    return "".join(f"/{part}" for part in parts)[:MAX_POINTER_CHARS]


def _text(error: Mapping[str, Any]) -> str:
    """The advice for one error; the numbers in it come from our schema."""
    template = _TEXTS.get(error["type"], _FALLBACK)
    return template.format_map(error.get("ctx") or {}) if "{" in template else template
