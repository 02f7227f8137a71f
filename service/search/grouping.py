"""One result a group: products that share a value, such as the variants of one style, shown by the best of them.

The first product of a group stands for it; the others are inside it, in their order, so that those shown and those
inside together are all that was found. A product without a value, or with a list of them, is a group of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.errors import InvalidValue
from service.product import Product, Scalar
from service.search.product_fields import CATEGORY, attribute, is_field_name, scalar_key
from service.search.retrieval_types import Group, GroupOptions, Member
from service.stores.store import Hit

_NO_GROUPS = frozenset({"id", "title", "price", "updated_at"})
NOT_GROUPED = (
    "Results are grouped by category or an attribute, such as item_group_id. Write attributes.title for an attribute "
    "with the name of a field."
)


@dataclass(frozen=True, slots=True)
class Grouped:
    """The hits that are shown, in their order, and the group of each that has one, by product id."""

    hits: list[Hit]
    groups: Mapping[str, Group]


def check_group(options: GroupOptions | None) -> None:
    """Raise InvalidValue for a field that nothing can be grouped by."""
    if options is not None and (options.field in _NO_GROUPS or not is_field_name(options.field)):
        raise InvalidValue(NOT_GROUPED, errors=[{"pointer": "/group_by/field", "detail": NOT_GROUPED}])


def group(hits: Sequence[Hit], options: GroupOptions) -> Grouped:
    """The first hit of each group, with the others inside."""
    shown: list[Hit] = []
    groups: dict[tuple[bool, Scalar], list[Hit]] = {}
    for hit in hits:
        value = _value(hit.product, options.field)
        if value is None:
            shown.append(hit)
            continue
        members = groups.setdefault(scalar_key(value), [])
        if not members:
            shown.append(hit)
        members.append(hit)
    return Grouped(
        shown, {hits[0].product_id: _group(value, hits, options.size) for (_, value), hits in groups.items()}
    )


def _group(value: Scalar, hits: Sequence[Hit], size: int) -> Group:
    others = tuple(Member(hit.product, hit.score) for hit in hits[1 : 1 + size])
    return Group(value, len(hits), others)


def _value(product: Product, field: str) -> Scalar | None:
    """What a product is grouped by; an empty text is no value."""
    found = product.category if field == CATEGORY else attribute(product, field)
    return None if isinstance(found, list) or found == "" else found
