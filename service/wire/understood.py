"""The `understood` of an answer: the constraints recognized in the text."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from service.wire.strict_model import StrictModel

Values = dict[str, list[bool | int | float | str]]


class UnderstoodFilterOut(StrictModel):
    """Conditions, as in a filter."""

    price: dict[Literal["lt", "lte", "gt", "gte"], float] = Field(description="bounds by operator")


class ExcludedOut(StrictModel):
    """What is not wanted. `values`: the catalog's values that are meant; empty if products are left out for having
    the words, and others are lowered the more they are like them.
    """

    text: str
    values: Values


class UnderstoodOut(StrictModel):
    """What was read in the sentence. `text` is what was searched for without it."""

    text: str | None
    filter: UnderstoodFilterOut | None = Field(description="price bounds; joined with the filter of the request")
    boost: Values = Field(description="values of the catalog that raise the products that have them, by field")
    excluded: list[ExcludedOut]
    relaxed: list[str] = Field(
        description="what was given up because no product was left: filter (price bounds), excluded (negations)"
    )


_OPERATORS = {"lt": "under", "lte": "at most", "gt": "over", "gte": "at least"}


def describe(understood: UnderstoodOut) -> str:
    """The same in words: "color red; under 20; without stripes"; empty if nothing was read."""
    price = understood.filter.price if understood.filter else {}
    return "; ".join(
        [
            *(f"{name} {' or '.join(map(str, values))}" for name, values in understood.boost.items()),
            *(f"{_OPERATORS[operator]} {amount:g}" for operator, amount in price.items()),
            *(f"without {one.text}" for one in understood.excluded),
            *(f"{'price' if part == 'filter' else 'what is not wanted'} given up" for part in understood.relaxed),
        ]
    )
