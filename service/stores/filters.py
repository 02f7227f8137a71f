"""Filters: validated, structured JSON with the same meaning on every store.

A filter is a conjunction of conditions on fields, with `and`, `or` and `not` for the rest:

    {"category": {"eq": "mug"}, "price": {"gte": 5, "lte": 30}, "attributes": {"colour": {"in": ["red", "blue"]}}}
    {"or": [{"category": {"eq": "cap"}}, {"not": {"attributes": {"colour": {"eq": "red"}}}}]}

Meaning is two-valued: a product without a price or an attribute fails every comparison on it, and passes the negation.
`{"exists": false}` (or `{"eq": null}`) asks for "has none". An attribute of another type than the compared value
fails `lt, lte, gt, gte` *and* their negation. `contains` looks into attributes that are lists. Numbers compare by
value (36 is 36.0), and true is not 1. `attributes.colour` may be one key.

`filter_evaluation` is the meaning, written in Python; each other store has a compiler that is held to it.
Stores compare numbers as float64, so a filter names integers of at most `MAX_NUMBER` only: these are compared
exactly with whatever is stored.
"""

from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticKnownError

from service.errors import FilterError
from service.product import ATTRIBUTE_NAME_RULE, Scalar, check_storable, check_text, is_attribute_name, normal_text

MAX_FILTER_DEPTH = 12
MAX_FILTER_CONDITIONS = 256
MAX_IN_VALUES = 256
MAX_FILTER_TEXT_CHARS = 1000
MAX_NUMBER = 2**53 - 1
"""The largest integer that a float64 tells from its neighbors (RFC 8259, section 6)."""

# What is stored if a product has none: Milvus before 2.5 has no nullable fields.
NO_PRICE = -1.0
NO_CATEGORY = ""


_Value = TypeVar("_Value", bound=Scalar)


def _comparable(value: _Value) -> _Value:
    """A number within the bounds, with any number of digits; texts and booleans as they are."""
    if isinstance(value, str) or -MAX_NUMBER <= value <= MAX_NUMBER:
        return value
    if value > MAX_NUMBER:
        raise PydanticKnownError("less_than_equal", {"le": MAX_NUMBER})
    if value < -MAX_NUMBER:
        raise PydanticKnownError("greater_than_equal", {"ge": -MAX_NUMBER})
    raise PydanticKnownError("finite_number")


_Text = Annotated[StrictStr, Field(max_length=MAX_FILTER_TEXT_CHARS), AfterValidator(check_text)]
_Id = Annotated[StrictStr, Field(max_length=MAX_FILTER_TEXT_CHARS), AfterValidator(check_storable)]
_Number = Annotated[StrictInt | StrictFloat, AfterValidator(_comparable)]
_Ordered = Annotated[StrictInt | StrictFloat | _Text, AfterValidator(_comparable)]
_Scalar = Annotated[StrictBool | StrictInt | StrictFloat | _Text, AfterValidator(_comparable)]


class _Condition(BaseModel):
    """Operators on one field, all of which must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exists: StrictBool | None = None

    @model_validator(mode="after")
    def _check(self) -> "_Condition":
        if not self.model_fields_set:
            raise ValueError("give at least one operator")
        if any(value is None and name not in {"eq", "ne"} for name, value in self._given()):
            raise ValueError("null is allowed with eq and ne only")
        return self

    def operators(self) -> list[tuple[str, Any]]:
        """(operator, value) in the order of the fields; `exists` as what it means, `ne` or `eq` None."""
        return [("ne" if value else "eq", None) if name == "exists" else (name, value) for name, value in self._given()]

    def _given(self) -> list[tuple[str, Any]]:
        """(operator, value) as given; `in` without its underscore."""
        given = (name for name in type(self).model_fields if name in self.model_fields_set)
        return [(name.rstrip("_"), getattr(self, name)) for name in given]


class TextCondition(_Condition):
    """Conditions on a text field."""

    eq: _Text | None = None
    ne: _Text | None = None
    in_: list[_Text] | None = Field(default=None, alias="in", min_length=1, max_length=MAX_IN_VALUES)


class IdCondition(TextCondition):
    """Conditions on an id, which is compared as it is; other texts are in Unicode's form C."""

    eq: _Id | None = None
    ne: _Id | None = None
    in_: list[_Id] | None = Field(default=None, alias="in", min_length=1, max_length=MAX_IN_VALUES)


class NumberCondition(_Condition):
    """Conditions on a number."""

    eq: _Number | None = None
    ne: _Number | None = None
    in_: list[_Number] | None = Field(default=None, alias="in", min_length=1, max_length=MAX_IN_VALUES)
    lt: _Number | None = None
    lte: _Number | None = None
    gt: _Number | None = None
    gte: _Number | None = None


class AttributeCondition(_Condition):
    """Conditions on an attribute; texts compare by code points."""

    eq: _Scalar | None = None
    ne: _Scalar | None = None
    in_: list[_Scalar] | None = Field(default=None, alias="in", min_length=1, max_length=MAX_IN_VALUES)
    lt: _Ordered | None = None
    lte: _Ordered | None = None
    gt: _Ordered | None = None
    gte: _Ordered | None = None
    contains: _Scalar | None = None


def _check_name(name: str) -> str:
    if not is_attribute_name(name):
        raise ValueError(ATTRIBUTE_NAME_RULE)
    return normal_text(name)


class Filter(BaseModel):
    """A conjunction of conditions; see the module's text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: IdCondition | None = Field(default=None, description="Conditions on the product's id.")
    title: TextCondition | None = Field(default=None, description="Conditions on the whole title.")
    category: TextCondition | None = Field(default=None, description="Conditions on the category.")
    price: NumberCondition | None = Field(default=None, description="Conditions on the price.")
    attributes: dict[Annotated[str, AfterValidator(_check_name)], AttributeCondition] | None = Field(
        default=None, description="Conditions on attributes, by name.", max_length=MAX_FILTER_CONDITIONS
    )
    and_: list["Filter"] | None = Field(
        default=None, alias="and", min_length=1, max_length=MAX_FILTER_CONDITIONS, description="All of these."
    )
    or_: list["Filter"] | None = Field(
        default=None, alias="or", min_length=1, max_length=MAX_FILTER_CONDITIONS, description="At least one of these."
    )
    not_: "Filter | None" = Field(default=None, alias="not", description="Not this filter.")

    @property
    def parts(self) -> list["Filter"]:
        """The filters that this one is made of, one level down."""
        return [*(self.and_ or ()), *(self.or_ or ()), *([] if self.not_ is None else [self.not_])]

    @model_validator(mode="before")
    @classmethod
    def _fold_dotted(cls, data: Any) -> Any:
        """Read `{"attributes.colour": …}` as `{"attributes": {"colour": …}}`."""
        if not isinstance(data, dict):
            return data
        plain = {key: value for key, value in data.items() if not str(key).startswith("attributes.")}
        if len(plain) == len(data):
            return data
        dotted = {key.removeprefix("attributes."): value for key, value in data.items() if key not in plain}
        nested = plain.get("attributes") or {}
        if not isinstance(nested, dict) or nested.keys() & dotted.keys():
            raise ValueError("an attribute is named twice")
        return {**plain, "attributes": {**nested, **dotted}}


def parse_filter(data: object) -> Filter:
    """Check a filter that came as JSON data. Raises `FilterError` naming the first wrong place."""
    try:
        found = Filter.model_validate(data)
    except ValidationError as error:
        raise FilterError(describe(error)) from error
    check_filter(found)
    return found


def check_filter(filter: Filter) -> None:
    """Raise `FilterError` for a filter that is too large or too deep for any store, or has an empty part."""
    if filter.model_fields_set and _conditions(filter, 1) > MAX_FILTER_CONDITIONS:
        raise FilterError(f"The filter has more than {MAX_FILTER_CONDITIONS} conditions. Use `in` for lists of values.")


def _conditions(filter: Filter, depth: int) -> int:
    """The number of comparisons; each value of a list counts."""
    if depth > MAX_FILTER_DEPTH:
        raise FilterError(f"The filter is nested deeper than {MAX_FILTER_DEPTH} levels. Write it flatter.")
    own = [len(value) if isinstance(value, list) else 1 for value in _values(filter)]
    if not own and not filter.parts:
        raise FilterError("A part of the filter is empty. Remove it or give it a condition.")
    return sum(own) + sum(_conditions(part, depth + 1) for part in filter.parts)


def _values(filter: Filter) -> Iterator[Any]:
    """What the fields of this level are compared with."""
    fields = (filter.id, filter.title, filter.category, filter.price, *(filter.attributes or {}).values())
    for condition in fields:
        if condition is not None:
            yield from (value for _, value in condition.operators())


def describe(error: ValidationError) -> str:
    """One sentence on the first fault of a filter that did not validate."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(["filter", *(str(part)[:60] for part in first["loc"])])
    if first["type"] == "extra_forbidden":
        return (
            f"{place} is not known. Fields are id, title, category, price and attributes.<name>; operators are eq, ne, "
            "in, lt, lte, gt, gte, exists and contains; filters combine with and, or, not."
        )
    return f"{place}: {first['msg'].removeprefix('Value error, ')}."
