"""Filters for Pinecone: our structured JSON in, its metadata filter language out, with the same meaning.

That language compares numbers by order and texts by equality only, knows no negation, and says nothing of what `$ne`
does where a field is missing. So a row carries fields made for it (`attribute_fields`), and a negation is pushed
down to the comparisons and names what has no value in so many words. Texts cannot be compared by order: FilterError.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from service.errors import FilterError
from service.product import Attributes, Scalar
from service.stores.filters import NO_CATEGORY, NO_PRICE, Filter, check_filter

Condition = dict[str, Any]
NO_TEXT_ORDER = (
    "Pinecone compares strings only by eq, ne, in and contains. Use these, or numbers with lt, lte, gt and gte."
)

_LONG = 64
_NEGATED = {"lt": "$gte", "lte": "$gt", "gt": "$lte", "gte": "$lt"}


def attribute_fields(attributes: Attributes) -> dict[str, Any]:
    """The fields by which attributes are filtered, for each that a row has.

    `is:NAME` is its exact value as a text that tells types apart; `number:NAME` the number again, for order;
    `has:NAME` the items of a list.
    """
    fields: dict[str, Any] = {}
    for name, value in attributes.items():
        if isinstance(value, list):
            fields[f"is:{name}"] = "list"
            if value:
                fields[f"has:{name}"] = sorted({tagged(item) for item in value})
            continue
        fields[f"is:{name}"] = tagged(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            fields[f"number:{name}"] = value
    return fields


def tagged(value: Scalar) -> str:
    """A scalar as a text that is equal exactly where the scalars are; long texts by their SHA-256."""
    if isinstance(value, bool):
        return f"boolean {value}"
    if isinstance(value, str):
        return f"text {value}" if len(value) <= _LONG else f"hash {hashlib.sha256(value.encode()).hexdigest()}"
    whole = isinstance(value, int) or value.is_integer()
    return f"number {int(value) if whole else value!r}"


def to_pinecone(filter: Filter) -> Condition | None:
    """The filter in Pinecone's language; None for an empty one.

    Raises `FilterError` if it is too large, or compares texts by order.
    """
    check_filter(filter)
    return _filter(filter, True) if filter.model_fields_set else None


def _filter(filter: Filter, positive: bool) -> Condition:
    parts = _fields(filter, positive)
    parts += [_filter(part, positive) for part in filter.and_ or ()]
    if filter.or_:
        parts.append(_join([_filter(part, positive) for part in filter.or_], not positive))
    if filter.not_ is not None:
        parts.append(_filter(filter.not_, not positive))
    return _join(parts, positive)


def _fields(filter: Filter, positive: bool) -> list[Condition]:
    parts: list[Condition] = []
    for field, condition in (("product_id", filter.id), ("title", filter.title), ("category", filter.category)):
        parts += [_text(field, *pair, positive) for pair in condition.operators()] if condition else []
    if filter.price is not None:
        parts += [_price(*pair, positive) for pair in filter.price.operators()]
    for name, attribute in (filter.attributes or {}).items():
        parts += [_attribute(name, *pair, positive) for pair in attribute.operators()]
    return parts


def _join(parts: Sequence[Condition], conjunction: bool) -> Condition:
    return parts[0] if len(parts) == 1 else {"$and" if conjunction else "$or": list(parts)}


def _either(*parts: Condition) -> Condition:
    return _join(parts, False)


def _text(field: str, operator: str, value: Any, positive: bool) -> Condition:
    """Texts are always there, empty if a product has none."""
    if operator == "in":
        return {field: {"$in" if positive else "$nin": value}}
    if operator == "ne":
        positive = not positive
    return {field: {"$eq" if positive else "$ne": NO_CATEGORY if value is None else value}}


def _price(operator: str, value: Any, positive: bool) -> Condition:
    """Prices are always there, below zero where a product has none."""
    some, none = {"price": {"$gte": 0}}, {"price": {"$eq": NO_PRICE}}
    if operator == "ne":
        operator, positive = "eq", not positive
    if value is None:
        return none if positive else some
    if positive:
        return {"$and": [some, {"price": {f"${operator}": value}}]}
    negated = {"eq": "$ne", "in": "$nin", **_NEGATED}[operator]
    return _either(none, {"price": {negated: value}})


def _attribute(name: str, operator: str, value: Any, positive: bool) -> Condition:
    exact, missing = f"is:{name}", {f"is:{name}": {"$exists": False}}
    if operator == "ne":
        operator, positive = "eq", not positive
    if value is None:
        return missing if positive else {exact: {"$exists": True}}
    if operator in _NEGATED:
        if isinstance(value, str):
            raise FilterError(NO_TEXT_ORDER)
        test = {f"number:{name}": {f"${operator}" if positive else _NEGATED[operator]: value}}
        return test if positive else _either(missing, test)
    field = f"has:{name}" if operator == "contains" else exact
    values = [tagged(one) for one in value] if operator == "in" else [tagged(value)]
    if positive:
        return {field: {"$in": values}}
    return _either({field: {"$exists": False}}, {field: {"$nin": values}})
