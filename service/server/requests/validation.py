"""Validates JSON from outside, and says what is wrong with it: where in the request, and what to do, in fixed texts.

The cost of parsing depends on the number of values rather than on bytes: a megabyte of `{},{},…` is a hundred thousand
objects, a megabyte of a data URI is one string. So a body's tokens are counted before it is parsed, which takes little
time and no memory, and beyond a limit it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from service.errors import FilterError, InvalidInput, InvalidValue, TooManyValues, UnknownField
from service.server.requests.json_pointers import NO_ALIASES, json_pointer

T = TypeVar("T", bound=BaseModel)

MAX_TOKENS = 100_000
"""Most brackets, commas and strings in a body, unless its route says otherwise."""

MAX_REPORTED = 20
LISTED_OF = 50
"""Faults among which one is listed, at most."""
MAX_POINTER_CHARS = 200
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[]\[{},]', re.DOTALL)

_TEXTS: Mapping[str, str] = {
    "extra_forbidden": "This field is not known. Remove it or check its spelling.",
    "missing": "This field is required.",
    "greater_than_equal": "Must be at least {ge}.",
    "greater_than": "Must be greater than {gt}.",
    "less_than_equal": "Must be at most {le}.",
    "less_than": "Must be less than {lt}.",
    "string_too_long": "Must have at most {max_length} characters.",
    "string_too_short": "Must have at least {min_length} characters.",
    "too_long": "Must have at most {max_length} items.",
    "too_short": "Must have at least {min_length} items.",
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
    "bool_parsing": "Must be true or false.",
    "int_parsing": "Must be a whole number.",
    "int_parsing_size": "Must be a smaller number.",
    "float_parsing": "Must be a number.",
    "literal_error": "Must be one of {expected}.",
    "content": "{advice}",
    "union_tag_not_found": "This form is not valid. The valid forms are listed at /schema.",
    "json_invalid": "This is not valid JSON.",
}
_FALLBACK = "This value is not allowed here. The allowed values are listed at /schema."


TOO_MANY_FAULTS = "There are too many errors to list. Compare the request with the schema at /schema."


def parse_body(
    model: type[T], raw: bytes | str, *, max_tokens: int = MAX_TOKENS, aliases: Mapping[str, str] = NO_ALIASES
) -> T:
    """Validate JSON against a model. `aliases`: other names of its fields → their names.

    Raises:
        TooManyValues: more than `max_tokens` tokens.
        InvalidInput: `UnknownField`, `FilterError` or `InvalidValue`, with `errors`: a list of JSON pointer and advice.
    """
    check_tokens(raw, max_tokens)
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise to_problem(error, partial(from_json, raw), aliases=aliases) from error


def load_json(raw: bytes | str, *, max_tokens: int = MAX_TOKENS) -> Any:
    """JSON as plain data. Raises TooManyValues, and ValueError for what is not JSON."""
    check_tokens(raw, max_tokens)
    return from_json(raw, allow_inf_nan=False)


def check_tokens(raw: bytes | str, most: int) -> None:
    """Refuse JSON that holds too many values, before it is parsed. Raises TooManyValues."""
    if len(raw) <= most:  # a token has a character at least
        return
    tokens = _TOKEN.finditer(raw.encode("utf-8", "replace") if isinstance(raw, str) else raw)
    if next(islice(tokens, most, None), None) is not None:
        raise TooManyValues


def to_problem(
    error: ValidationError,
    document: Callable[[], object],
    most: int = MAX_REPORTED,
    aliases: Mapping[str, str] = NO_ALIASES,
) -> InvalidInput:
    """The error of ours that says what is wrong with a body, with `most` places at most.

    `document` gives what was checked, as plain data, for the pointers to be into it.
    """
    if error.error_count() > LISTED_OF * most:  # listing them would take longer than finding them
        return InvalidValue(TOO_MANY_FAULTS)
    errors = error.errors(include_url=False, include_input=False)
    if any(error["type"] == "json_invalid" for error in errors):
        return InvalidInput("The body is not valid JSON. Send one JSON object, encoded as UTF-8.")
    whole = document()
    listed = [{"pointer": _place(error, whole, aliases), "detail": _text(error)} for error in errors[:most]]
    if any(error["loc"][:1] == ("filter",) for error in errors):
        return FilterError(errors=listed)
    if all(error["type"] == "extra_forbidden" for error in errors):
        return UnknownField(errors=listed)
    return InvalidValue(errors=listed)


def _place(error: Mapping[str, Any], document: object, aliases: Mapping[str, str]) -> str:
    """Where the error is; our own checks of a value say where within it. Long names are cut: they are the caller's."""
    within = (error.get("ctx") or {}).get("within", "")
    missing = error["loc"][-1] if error["type"] == "missing" else None
    return f"{json_pointer(document, error['loc'], aliases, missing)}{within}"[:MAX_POINTER_CHARS]


def _text(error: Mapping[str, Any]) -> str:
    """The advice for one error; the numbers in it come from our schema."""
    template = _TEXTS.get(error["type"], _FALLBACK)
    return template.format_map(error.get("ctx") or {}) if "{" in template else template
