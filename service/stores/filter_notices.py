"""Possible mistakes in a filter that matches nothing: attributes that no product has, or of another type."""

from collections.abc import Iterator
from typing import Any

from service.product import AttributeValue
from service.stores.filters import AttributeCondition, Filter
from service.stores.store import Store, Vector

MAX_NOTICES = 4
_LIST = "a list"


def filter_notices(store: Store, vector: Vector, filter: Filter) -> tuple[str, ...]:
    """Sentences on the filter's attributes, each checked against one product that has it; at most `MAX_NOTICES`.

    Meant for filters that found nothing: each attribute costs a search. Raises StoreUnavailable.
    """
    wanted: dict[str, set[str]] = {}
    for name, kinds in _kinds(filter):
        wanted.setdefault(name, set()).update(kinds)
    found: list[str] = []
    for name, kinds in wanted.items():
        if len(found) == MAX_NOTICES:
            break
        has = Filter.model_validate({"attributes": {name: {"exists": True}}})
        sample = store.search(vector, limit=1, filter=has)
        if not sample:
            found.append(f"filter: no product has the attribute {name!r}.")
        elif kinds and (kind := _kind(sample[0].product.attributes[name])) not in kinds:
            compared = " or ".join(sorted(kinds))
            found.append(
                f"filter: the attribute {name!r} is {kind}, and is compared with {compared}, which never match."
            )
    return tuple(found)


def _kinds(filter: Filter) -> Iterator[tuple[str, set[str]]]:
    """Each attribute with the kinds of what it is compared with."""
    for name, condition in (filter.attributes or {}).items():
        yield name, set(_compared(condition))
    for part in filter.parts:
        yield from _kinds(part)


def _compared(condition: AttributeCondition) -> Iterator[str]:
    for operator, value in condition.operators():
        if operator == "contains":
            yield _LIST
        elif value is not None:
            yield from (_kind(one) for one in (value if isinstance(value, list) else [value]))


def _kind(value: AttributeValue | Any) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
    return _LIST
