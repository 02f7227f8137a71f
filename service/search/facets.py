"""Facets: how many products have each value, what their numbers are, and how many lie in each range.

The listed values, the `other` ones and the products of `missing` add up to the products counted. A product whose
attribute is a list counts for each of its values, and such a facet adds up to more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from service.errors import InvalidValue
from service.product import Product, Scalar
from service.search.number_facets import check_ranges, count_ranges, statistics
from service.search.product_fields import is_field_name, scalar_key, values_of
from service.search.retrieval_types import Facet, FacetCount, FacetOptions
from service.wire.limits import MAX_FACETS

MAX_VALUES = 50
_NO_FACETS = frozenset({"id", "title", "updated_at"})
NOT_COUNTED = (
    "Facets count category, price and attributes, not id, title or updated_at. Write attributes.title for an attribute."
)
NO_NAME = "A facet is named category, price, or by an attribute's name."
TWICE = "Two facets are about one field. Ask for its values and its ranges in one of them."


def check_facets(facets: Sequence[FacetOptions]) -> None:
    """Raise InvalidValue for too many facets, a name that none can have, one that comes twice, or impossible ranges."""
    if len(facets) > MAX_FACETS:
        raise InvalidValue(f"At most {MAX_FACETS} facets are counted at once.")
    for place, facet in enumerate(facets):
        if facet.field in _NO_FACETS:
            raise _wrong(place, NOT_COUNTED)
        if not is_field_name(facet.field):
            raise _wrong(place, NO_NAME)
        if (fault := check_ranges(facet.ranges)) is not None:
            raise _wrong(place, fault, "/ranges")
    if len({facet.field for facet in facets}) < len(set(facets)):
        raise InvalidValue(TWICE)


def _wrong(place: int, detail: str, part: str = "") -> InvalidValue:
    return InvalidValue(detail, errors=[{"pointer": f"/facets/{place}{part}", "detail": detail}])


def count_facets(products: Sequence[Product], facets: Sequence[FacetOptions]) -> Mapping[str, Facet]:
    """Counts by name: the most frequent values first, equally frequent ones in their order as texts."""
    return {facet.field: _count([values_of(product, facet.field) for product in products], facet) for facet in facets}


def _count(products: Sequence[Sequence[Scalar]], options: FacetOptions) -> Facet:
    counts = Counter(scalar_key(value) for values in products for value in values)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0][1]), item[0][0]))
    listed, others = ordered[:MAX_VALUES], ordered[MAX_VALUES:]
    numbers = [value for values in products for value in values if _is_number(value)]
    return Facet(
        values=tuple(FacetCount(value, count) for (_, value), count in listed),
        other=sum(count for _, count in others),
        missing=sum(not values for values in products),
        stats=statistics(numbers),
        ranges=count_ranges(numbers, options.ranges),
    )


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
