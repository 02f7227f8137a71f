"""Filters for Milvus: our structured JSON in, a boolean expression out, with the same meaning on Lite and on servers.

No raw expression comes in from outside, and every value is quoted here, since Milvus Lite has no expression templates.
`not` is pushed down to the comparisons, because Lite computes in three-valued logic and a server in two-valued.
What else differs between the two: Lite takes `true` for 1, which `service.stores.milvus.attributes` keeps apart;
its `json_contains` reads no negative number, and that of a server 2.3 finds no 36.0 by 36, so lists are searched by
`json_contains_any` and numbers in them as floats.
"""

from collections.abc import Callable, Sequence
from typing import Any

from service.product import Scalar
from service.stores.filters import NO_CATEGORY, Filter, check_filter
from service.stores.milvus.attributes import BOOLEAN, LIST, boolean_text

_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_OPERATORS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def quote(text: str) -> str:
    """A text as a Milvus string literal, quotes included. NUL and lone surrogates must have been refused before."""
    return '"' + text.translate(_ESCAPES) + '"'


def literal(value: Scalar) -> str:
    """Any scalar as a Milvus literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    return repr(value)


def any_of(field: str, values: Sequence[str]) -> str:
    """`field in [...]` for texts; the field name must come from this code."""
    return f"{field} in [{', '.join(quote(value) for value in values)}]"


AttributeTest = Callable[[str, str, Any, bool], str]
"""An attribute's name, an operator, the value wanted, and False for the negation → an expression."""


def compile_filter(filter: Filter, *, typed: bool = True, attribute: AttributeTest | None = None) -> str:
    """The Milvus expression; empty for an empty filter. Raises `FilterError` if it is too large.

    `typed`: booleans are stored as `service.stores.milvus.attributes` writes them. In older collections, Lite
    does not distinguish them from 0 and 1. `attribute`: what compiles conditions on attributes instead.
    """
    check_filter(filter)
    return _Compiler(typed, attribute).filter(filter, True) if filter.model_fields_set else ""


class _Compiler:
    """One walk over a filter; `positive` False means "the negation of this"."""

    def __init__(self, typed: bool, attribute: AttributeTest | None) -> None:
        self._typed = typed
        self._test = attribute or self._json_test

    def filter(self, filter: Filter, positive: bool) -> str:
        parts = self._fields(filter, positive)
        parts += [self.filter(part, positive) for part in filter.and_ or ()]
        if filter.or_:
            parts.append(_join([self.filter(part, positive) for part in filter.or_], not positive))
        if filter.not_ is not None:
            parts.append(self.filter(filter.not_, not positive))
        return _join(parts, positive)

    def _fields(self, filter: Filter, positive: bool) -> list[str]:
        found: list[str] = []
        for field, condition in (("product_id", filter.id), ("title", filter.title), ("category", filter.category)):
            found += [_text(field, *pair, positive) for pair in condition.operators()] if condition else []
        found += [_price(*pair, positive) for pair in filter.price.operators()] if filter.price else []
        for name, attribute in (filter.attributes or {}).items():
            found += [self._test(name, *pair, positive) for pair in attribute.operators()]
        return found

    def _json_test(self, name: str, operator: str, value: Any, positive: bool) -> str:
        return self._attribute(f"attributes[{quote(name)}]", operator, value, positive)

    def _attribute(self, path: str, operator: str, value: Any, positive: bool) -> str:
        if operator == "ne":
            operator, positive = "eq", not positive
        if operator == "in":
            return _join([self._attribute(path, "eq", item, positive) for item in value], not positive)
        if operator == "contains":
            return self._contains(path, value, positive)
        if isinstance(value, bool) and self._typed:
            return _compare(f"{path}[{quote(BOOLEAN)}]", operator, boolean_text(value), positive)
        return _compare(path, operator, value, positive)

    def _contains(self, path: str, value: Scalar, positive: bool) -> str:
        """Lists that hold booleans are stored as objects; all others as they are."""
        boolean = isinstance(value, bool)
        item = literal(float(value) if isinstance(value, int) and not boolean else value)
        test = f"json_contains_any({path}, [{item}])"
        if self._typed:
            inner, item = (BOOLEAN, quote(boolean_text(value))) if isinstance(value, bool) else (LIST, item)
            within = f"json_contains_any({path}[{quote(inner)}], [{item}])"
            test = within if boolean else f"({test} or {within})"
        return test if positive else f"not ({test})"


def _join(parts: list[str], conjunction: bool) -> str:
    return parts[0] if len(parts) == 1 else "(" + (" and " if conjunction else " or ").join(parts) + ")"


def _text(field: str, operator: str, value: Any, positive: bool) -> str:
    if operator == "in":
        return any_of(field, value) if positive else f"not ({any_of(field, value)})"
    sign = _OPERATORS[operator]
    return f"{field} {sign if positive else _NEGATED[sign]} {quote(NO_CATEGORY if value is None else value)}"


def _price(operator: str, value: Any, positive: bool) -> str:
    if operator == "ne":
        operator, positive = "eq", not positive
    if value is None:
        return "price < 0" if positive else "price >= 0"
    if operator == "in":
        test = _join([f"price == {literal(item)}" for item in value], False)
    else:
        test = f"price {_OPERATORS[operator]} {literal(value)}"
    return f"(price >= 0 and {test})" if positive else f"(price < 0 or not ({test}))"


def _compare(path: str, operator: str, value: Any, positive: bool) -> str:
    if value is None:
        return f"not (exists {path})" if positive else f"(exists {path})"  # servers read `exists x or y` as of `x or y`
    sign = _OPERATORS[operator]
    if positive:
        return f"{path} {sign} {literal(value)}"
    return f"(not (exists {path}) or {path} {_NEGATED[sign]} {literal(value)})"
