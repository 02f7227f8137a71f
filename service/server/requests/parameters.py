"""Parameters in addresses: unknown ones are refused, and what a wrong one may be is said, from its declaration."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from litestar.connection import ASGIConnection
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import PathParameter, QueryParameter
from litestar.typing import FieldDefinition

from service.errors import InvalidValue, UnknownField

NO_PARAMETERS = "This route takes no query parameters. Remove them."
TWICE = "A query parameter was given twice. Send it once."
UNKNOWN = "This route has no such query parameter; {hint}"


async def known_parameters_only(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard: raise UnknownField for a query parameter that the route does not have, with the nearest that it has.

    Raises InvalidValue where one is given twice: only one of its values could hold. A coroutine, since Litestar runs
    any other guard in a thread.
    """
    known = [name for name, field in _declared(handler).items() if isinstance(field.kwarg_definition, QueryParameter)]
    given = [name for name, _ in connection.query_params.multi_items()]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise UnknownField(_known_ones(unknown[0], known) if known else NO_PARAMETERS)
    if len(set(given)) < len(given):
        raise InvalidValue(TWICE)


def _known_ones(unknown: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(unknown[:100], known, 1)
    return UNKNOWN.format(hint=f"the nearest is {near[0]}." if near else f"it has {', '.join(known)}.")


def wrong_parameters(handler: BaseRouteHandler, error: ValidationException) -> InvalidValue | None:
    """What the parameters that Litestar found wrong may be; None if it is about something else."""
    extra = error.extra if isinstance(error.extra, list) else []
    declared = _declared(handler)
    wrong = [declared[one["key"]] for one in extra if one.get("key") in declared]
    return InvalidValue(" ".join(_advice(field) for field in wrong)) if wrong else None


def _declared(handler: BaseRouteHandler) -> Mapping[str, FieldDefinition]:
    """The parameters in the address of a route."""
    fields = handler.parsed_fn_signature.parameters
    kinds = (QueryParameter, PathParameter)
    return {name: field for name, field in fields.items() if isinstance(field.kwarg_definition, kinds)}


def _advice(field: FieldDefinition) -> str:
    return f"{field.name} must be {_allowed(field)}."


def _allowed(field: FieldDefinition) -> str:
    """The values of a parameter, in words."""
    [kind] = [one for one in get_args(field.annotation) or (field.annotation,) if one is not NoneType]
    limits: Any = field.kwarg_definition
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if kind is bool:
        return "true or false"
    if kind is int:
        return f"a whole number from {limits.ge} to {limits.le}"
    return f"a text of at most {limits.max_length} characters"
