"""Filters evaluated in Python: the semantics that `service.stores.filters` describes and every compiler must match.

Numbers and booleans are distinct, as in JSON.
"""

import operator
from collections.abc import Callable
from typing import Any

from service.product import Product
from service.stores.filters import Filter, TextCondition

_RANGES: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


def matches(filter: Filter, product: Product) -> bool:
    """True if the product passes the filter, whose size was checked by `check_filter`."""
    return _holds(filter, product, True)


def _holds(filter: Filter, product: Product, positive: bool) -> bool:
    """The filter or, if `positive` is False, its negation; a negation is pushed down to the comparisons."""
    parts = [compares(stored, name, wanted, positive) for stored, name, wanted in _comparisons(filter, product)]
    parts += [_holds(part, product, positive) for part in filter.and_ or ()]
    if filter.or_:
        parts.append((any if positive else all)(_holds(part, product, positive) for part in filter.or_))
    if filter.not_ is not None:
        parts.append(_holds(filter.not_, product, not positive))
    return (all if positive else any)(parts)


def _comparisons(filter: Filter, product: Product) -> list[tuple[Any, str, Any]]:
    """(stored value or None, operator, wanted value) of every condition at this level."""
    fields = (
        *((_none_for_blank(text), condition) for text, condition in _texts(filter, product)),
        (product.price, filter.price),
        *((product.attributes.get(name), condition) for name, condition in (filter.attributes or {}).items()),
    )
    given = ((stored, condition) for stored, condition in fields if condition is not None)
    return [
        (stored, name, _none_for_blank(wanted) if isinstance(condition, TextCondition) else wanted)
        for stored, condition in given
        for name, wanted in condition.operators()
    ]


def _texts(filter: Filter, product: Product) -> list[tuple[str | None, TextCondition | None]]:
    return [(product.id, filter.id), (product.title, filter.title), (product.category, filter.category)]


def _none_for_blank(value: Any) -> Any:
    """Text fields do not distinguish an empty text from none."""
    if isinstance(value, list):
        return [_none_for_blank(one) for one in value]
    return None if value == "" else value


def compares(stored: Any, name: str, wanted: Any, positive: bool) -> bool:
    """Whether a stored value (None: there is none) passes an operator or, with `positive` False, its negation."""
    if name in _TESTS:
        return _TESTS[name](stored, wanted) == positive
    if stored is None:
        return not positive
    if _kind(stored) != _kind(wanted):
        return False  # neither the comparison nor its negation holds
    return _RANGES[name](stored, wanted) == positive


def _equal(stored: Any, wanted: Any) -> bool:
    """Equality of JSON values; None means "has none"."""
    return _kind(stored) == _kind(wanted) and bool(stored == wanted)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": _equal,
    "ne": lambda stored, wanted: not _equal(stored, wanted),
    "in": lambda stored, wanted: (
        stored in wanted if isinstance(stored, str) else any(_equal(stored, w) for w in wanted)
    ),
    "contains": lambda stored, wanted: isinstance(stored, list) and any(_equal(one, wanted) for one in stored),
}
