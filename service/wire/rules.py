"""The JSON and YAML of merchandising rules: of the file that `WITHTHIS_RULES` names, and of `/v1/rules`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from service.errors import FilterError
from service.product import IdText
from service.stores.filters import Filter, check_filter

MAX_RULES = 1000
MAX_PINS = 50
MAX_PHRASES = 100
MAX_WEIGHT = 1000.0


def _fitting(filter: Filter) -> Filter:
    if not filter.model_fields_set:
        raise ValueError("an empty filter would be about every product; give it a condition")
    try:
        check_filter(filter)
    except FilterError as error:
        raise ValueError(error.detail) from error
    return filter


RuleFilter = Annotated[Filter, AfterValidator(_fitting)]
Phrase = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Value = StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WhenBody(_Part):
    """Which searches a rule is for: those that meet all conditions given here."""

    exact: Annotated[list[Phrase], Field(min_length=1, max_length=MAX_PHRASES)] | None = Field(
        default=None, description="the text is one of these, word for word; case and plural do not count"
    )
    contains: Annotated[list[Phrase], Field(min_length=1, max_length=MAX_PHRASES)] | None = Field(
        default=None, description="the text has the words of one of these, next to each other"
    )
    attributes: Annotated[
        dict[StrictStr, Annotated[list[Value], Field(min_length=1, max_length=MAX_PHRASES)]], Field(max_length=16)
    ] = Field(
        default_factory=dict,
        description="the text names one of these values of each field, as `understood.boost` of its answer says",
    )
    since: AwareDatetime | None = Field(default=None, description="from this time on, with a time zone")
    until: AwareDatetime | None = Field(default=None, description="before this time, with a time zone")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("since must be before until")
        return self


class WeightedBody(_Part):
    """Products, and how far they move: by `weight` 2, one at place 10 is treated like one at 5 or, buried, at 20."""

    filter: RuleFilter
    weight: Annotated[float, Field(gt=1.0, le=MAX_WEIGHT)] = 2.0


class PinBody(_Part):
    """A product and its place, from 1. If its place is taken, by another pin, it gets the next free one."""

    product_id: IdText
    position: Annotated[StrictInt, Field(ge=1, le=1000)]


class RuleBody(_Part):
    """One rule: which searches it is for, and what it does to their results."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")] = Field(
        description="unique; answers name the rules that were applied"
    )
    when: WhenBody = Field(default=WhenBody(), description="which searches; all of them if left out")
    boost: WeightedBody | None = Field(default=None, description="products to move up")
    bury: WeightedBody | None = Field(default=None, description="products to move down")
    last: RuleFilter | None = Field(default=None, description="products behind all others, such as those out of stock")
    pin: Annotated[list[PinBody], Field(min_length=1, max_length=MAX_PINS)] | None = Field(
        default=None, description="products at fixed places, also ones that were not found"
    )
    exclude: RuleFilter | None = Field(default=None, description="products to leave out")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not any((self.boost, self.bury, self.last, self.pin, self.exclude)):
            raise ValueError("a rule needs at least one of boost, bury, last, pin and exclude")
        return self


class RulesBody(_Part):
    """All rules of a service. Where two contradict each other, the first one counts."""

    rules: Annotated[list[RuleBody], Field(max_length=MAX_RULES)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if repeated := next(_repeated(rule.name for rule in self.rules), None):
            raise ValueError(f"two rules have the name {repeated[:100]!r}")
        return self


def _repeated(names: Iterator[str]) -> Iterator[str]:
    return (name for name, count in Counter(names).items() if count > 1)
