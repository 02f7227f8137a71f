"""The products found, ordered by their own numbers instead of by how well they match.

No store sorts the answer of a vector search, and every product matches a query a little: sorted by price alone, the
cheapest product of the shop would come first, whatever was searched for. So it is the search window that is sorted: the
best-matching products, up to a number in the settings.

Products without a number follow at the end, whichever the direction, and equal ones keep their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from service.errors import InvalidValue
from service.search.product_fields import attribute, is_field_name
from service.search.retrieval_types import SortKey
from service.stores.store import Hit

_NOT_SORTED = frozenset({"id", "title", "category"})
NOT_SORTED = (
    "Results are sorted by price, updated_at, or an attribute that is a number or a date. Write attributes.title for "
    "an attribute with the name of a field."
)
NOTHING_TO_SORT_BY = "No product found has a number or a date in {field}, so it sorts nothing."


def check_sort(keys: Sequence[SortKey]) -> None:
    """Raise InvalidValue for a field that nothing can be sorted by."""
    for place, key in enumerate(keys):
        if key.field in _NOT_SORTED or not is_field_name(key.field):
            pointer = f"/sort/{place}/field"
            raise InvalidValue(NOT_SORTED, errors=[{"pointer": pointer, "detail": NOT_SORTED}])


def sort_hits(hits: Sequence[Hit], keys: Sequence[SortKey]) -> list[Hit]:
    """The same hits, by the first key, then by the second, and so on, then as they were."""
    found = list(hits)
    for key in reversed(keys):
        with_number = [(number, hit) for hit in found if (number := _number(hit, key.field)) is not None]
        without = [hit for hit in found if _number(hit, key.field) is None]
        with_number.sort(key=lambda pair: pair[0], reverse=key.descending)
        found = [hit for _, hit in with_number] + without
    return found


def sort_notices(hits: Sequence[Hit], keys: Sequence[SortKey]) -> tuple[str, ...]:
    """Fields that no product has a number in: they may be misspelled."""
    fields = dict.fromkeys(key.field for key in keys) if hits else ()
    empty = [field for field in fields if all(_number(hit, field) is None for hit in hits)]
    return tuple(NOTHING_TO_SORT_BY.format(field=field) for field in empty)


def _number(hit: Hit, field: str) -> float | None:
    """What a product is sorted by; None if it has no number or date there. Integers stay exact."""
    if field == "price":
        return hit.product.price
    if field == "updated_at":
        return hit.updated_at
    value = attribute(hit.product, field)
    if isinstance(value, bool | list):
        return None
    return _timestamp(value) if isinstance(value, str) else value


def _timestamp(text: str) -> float | None:
    """A date or time in ISO 8601 as Unix time in seconds, in UTC if it names no zone; None for any other text."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
