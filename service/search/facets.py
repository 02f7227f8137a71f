"""Facet counts: how many of the best products have each value.

The counts cover the products of the search window that pages show, so the numbers of a facet add up: the listed values,
the `other` ones and the `missing` ones make up the window. A product whose attribute is a list counts for each of its
values, and such a facet adds up to more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from service.errors import InvalidValue
from service.product import AttributeValue, Scalar, is_attribute_name, normal_text
from service.search.retrieval_types import Facet, FacetCount
from service.stores.store import Hit
from service.wire.limits import MAX_FACETS

MAX_VALUES = 50
CATEGORY = "category"
_PREFIX = "attributes."
_NO_FACETS = frozenset({"id", "title", "price"})
NOT_COUNTED = "Facets count category and attributes, not id, title or price. Write attributes.price for an attribute."
NO_NAME = "A facet is named category, or by an attribute's name."


def check_facets(names: Sequence[str]) -> None:
    """Raise InvalidValue for too many facets, or a name that none can have."""
    if len(names) > MAX_FACETS:
        raise InvalidValue(f"At most {MAX_FACETS} facets are counted at once.")
    if not _NO_FACETS.isdisjoint(names):
        raise InvalidValue(NOT_COUNTED)
    if not all(is_attribute_name(name.removeprefix(_PREFIX)) for name in names):
        raise InvalidValue(NO_NAME)


def count_facets(hits: Sequence[Hit], names: Sequence[str]) -> dict[str, Facet]:
    """Counts by name: the most frequent values first, equally frequent ones in their order as texts."""
    return {name: _count([_values(hit, name) for hit in hits]) for name in names}


def _values(hit: Hit, name: str) -> list[Scalar]:
    """The different values of a product; empty if it has none."""
    product = hit.product
    found: AttributeValue | None = (
        product.category if name == CATEGORY else product.attributes.get(normal_text(name.removeprefix(_PREFIX)))
    )
    values = found if isinstance(found, list) else [] if found is None else [found]
    return [value for _, value in {_key(value): value for value in values}.items()]


def _key(value: Scalar) -> tuple[bool, Scalar]:
    """Tells true from 1, which are equal in Python."""
    return isinstance(value, bool), value


def _count(products: Sequence[Sequence[Scalar]]) -> Facet:
    counts = Counter(_key(value) for values in products for value in values)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0][1]), item[0][0]))
    listed, others = ordered[:MAX_VALUES], ordered[MAX_VALUES:]
    return Facet(
        values=tuple(FacetCount(value, count) for (_, value), count in listed),
        other=sum(count for _, count in others),
        missing=sum(not values for values in products),
    )
