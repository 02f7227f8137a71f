"""What an interpreted text requires of the store and of the lexical index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import FilterError
from service.search.understanding.negation import Without
from service.search.understanding.understand import Exclusion, Terms, Understood
from service.search.understanding.vocabulary import FacetValue
from service.stores.filters import Filter, check_filter


@dataclass(frozen=True, slots=True)
class Wanted:
    """`filter`: what the store is to give; `labels`: groups of values that raise a product; `unwanted`: products that
    are left out because of their words, which no filter can say, unless they are without the same thing.
    """

    filter: Filter | None
    labels: Sequence[Sequence[FacetValue]] = ()
    unwanted: Sequence[tuple[Terms, Without]] = ()


def wanted(given: Filter | None, understood: Understood) -> Wanted:
    """What a sentence and the filter of its request ask for together. A filter that has no room for the sentence's
    conditions stands alone.
    """
    unwanted = [(_terms(one), one.absence) for one in understood.excluded if not one.is_filter]
    return Wanted(_joined(given, conditions(understood)), understood.labels, unwanted)


def conditions(understood: Understood) -> Filter | None:
    """What a filter can say: prices within the bounds, and products without the values of an exclusion."""
    parts: list[dict[str, object]] = [{"price": understood.price}] if understood.price else []
    parts += [_without(one) for one in understood.excluded if one.is_filter]
    if not parts:
        return None
    return Filter.model_validate(parts[0] if len(parts) == 1 else {"and": parts})


def _joined(given: Filter | None, own: Filter | None) -> Filter | None:
    if given is None or own is None:
        return given or own
    both = Filter.model_validate({"and": [given, own]})
    try:
        check_filter(both)
    except FilterError:
        return given
    return both


def _without(one: Exclusion) -> dict[str, object]:
    """A product is left out if it has a value of each mention."""
    parts = [_any_of(mention.values) for mention in one.values]
    return {"not": parts[0] if len(parts) == 1 else {"and": parts}}


def _any_of(values: Sequence[FacetValue]) -> dict[str, object]:
    """The filter for products with any of these values, alone or in a list."""
    by_field: dict[str, list[object]] = {}
    for name, value in values:
        by_field.setdefault(name, []).append(value)
    parts: list[dict[str, object]] = []
    for name, some in by_field.items():
        if name == "category":
            parts.append({"category": {"in": some}})
            continue
        parts.append({"attributes": {name: {"in": some}}})
        parts += [{"attributes": {name: {"contains": value}}} for value in some]
    return {"or": parts}


def _terms(one: Exclusion) -> Terms:
    return [*(mention.values for mention in one.values), *([stem] for stem in one.rest)]
