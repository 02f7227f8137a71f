"""Filters: structured JSON in, a Milvus expression out.

A filter is a conjunction of conditions on fields, with ``and``, ``or`` and ``not`` for the rest::

    {"category": {"eq": "mug"}, "price": {"gte": 5, "lte": 30}, "attributes": {"colour": {"in": ["red", "blue"]}}}
    {"or": [{"category": {"eq": "cap"}}, {"not": {"attributes": {"colour": {"eq": "red"}}}}]}

Meaning is two-valued: a product without a price or an attribute fails every comparison on it, and passes the negation.
``{"exists": false}`` (or ``{"eq": null}``) asks for "has none". An attribute of another type than the compared value
fails ``lt, lte, gt, gte`` *and* their negation. ``contains`` looks into attributes that are lists.
``attributes.colour`` may be one key.

No raw expression comes in from outside, and every value is quoted here, since Milvus Lite has no expression templates.
``not`` is pushed down to the comparisons, because Lite computes in three-valued logic and a server in two-valued.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any

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

from service.errors import FilterError
from service.products import ATTRIBUTE_NAME_RULE, Scalar, check_storable, check_text, is_attribute_name, normal_text

MAX_FILTER_DEPTH = 12
MAX_FILTER_CONDITIONS = 256
MAX_IN_VALUES = 256
MAX_FILTER_TEXT_CHARS = 1000

# What is stored where a product has none: Milvus before 2.5 has no nullable fields.
NO_PRICE = -1.0
NO_CATEGORY = ""

_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_OPERATORS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def quote(text: str) -> str:
    """A text as a Milvus string literal, quotes included. NUL and lone surrogates must have been refused before."""
    return '"' + text.translate(_ESCAPES) + '"'


def literal(value: Scalar) -> str:
    """Any scalar as a Milvus literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    return repr(value)


def any_of(field: str, values: Sequence[str]) -> str:
    """``field in [...]`` for texts; the field name must come from this code."""
    return f"{field} in [{', '.join(quote(value) for value in values)}]"


def _finite(value: float) -> float:
    if not math.isfinite(value) or abs(value) >= 2**63:
        raise ValueError("give a finite number of ordinary size")
    return value


_Text = Annotated[StrictStr, Field(max_length=MAX_FILTER_TEXT_CHARS), AfterValidator(check_text)]
_Id = Annotated[StrictStr, Field(max_length=MAX_FILTER_TEXT_CHARS), AfterValidator(check_storable)]
_Number = Annotated[StrictInt | StrictFloat, AfterValidator(_finite)]
_Scalar = Annotated[bool, Field(strict=True)] | _Number | _Text


class _Condition(BaseModel):
    """Operators on one field, all of which must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exists: StrictBool | None = None

    @model_validator(mode="after")
    def _check(self) -> "_Condition":
        if not self.model_fields_set:
            raise ValueError("name at least one operator")
        if any(value is None and name not in {"eq", "ne"} for name, value in self._given()):
            raise ValueError("null works with eq and ne only")
        return self

    def operators(self) -> list[tuple[str, Any]]:
        """(operator, value) in the order of the fields; ``exists`` as what it means, ``ne`` or ``eq`` None."""
        return [("ne" if value else "eq", None) if name == "exists" else (name, value) for name, value in self._given()]

    def _given(self) -> list[tuple[str, Any]]:
        """(operator, value) as given; ``in`` without its underscore."""
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
    lt: _Number | _Text | None = None
    lte: _Number | _Text | None = None
    gt: _Number | _Text | None = None
    gte: _Number | _Text | None = None
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

    @model_validator(mode="before")
    @classmethod
    def _fold_dotted(cls, data: Any) -> Any:
        """Read ``{"attributes.colour": …}`` as ``{"attributes": {"colour": …}}``."""
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
    """Check a filter that came as JSON data. Raises :class:`FilterError` naming the first wrong place."""
    try:
        found = Filter.model_validate(data)
    except ValidationError as error:
        raise FilterError(describe(error)) from error
    compile_filter(found)
    return found


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


def compile_filter(filter: Filter) -> str:
    """The Milvus expression; empty for an empty filter. Raises :class:`FilterError` if it is too large."""
    if not filter.model_fields_set:
        return ""
    expression, conditions = _Compiler().compile(filter)
    if conditions > MAX_FILTER_CONDITIONS:
        raise FilterError(f"The filter has more than {MAX_FILTER_CONDITIONS} conditions. Use `in` for lists of values.")
    return expression


class _Compiler:
    """One walk over a filter; ``positive`` False means "the negation of this"."""

    def __init__(self) -> None:
        self._conditions = 0

    def compile(self, filter: Filter) -> tuple[str, int]:
        """The expression and the number of comparisons in it."""
        return self._filter(filter, True, 1), self._conditions

    def _filter(self, filter: Filter, positive: bool, depth: int) -> str:
        if depth > MAX_FILTER_DEPTH:
            raise FilterError(f"The filter is nested deeper than {MAX_FILTER_DEPTH} levels. Write it flatter.")
        parts = self._fields(filter, positive)
        parts += [self._filter(part, positive, depth + 1) for part in filter.and_ or ()]
        if filter.or_:
            parts.append(_join([self._filter(part, positive, depth + 1) for part in filter.or_], not positive))
        if filter.not_ is not None:
            parts.append(self._filter(filter.not_, not positive, depth + 1))
        if not parts:
            raise FilterError("A part of the filter is empty. Remove it or give it a condition.")
        return _join(parts, positive)

    def _fields(self, filter: Filter, positive: bool) -> list[str]:
        found: list[tuple[Any, Any]] = []
        for field, condition in (("product_id", filter.id), ("title", filter.title), ("category", filter.category)):
            if condition is not None:
                found += [(_text(field, *pair, positive), pair) for pair in condition.operators()]
        if filter.price is not None:
            found += [(_price(*pair, positive), pair) for pair in filter.price.operators()]
        for name, attribute in (filter.attributes or {}).items():
            found += [(_attribute(name, *pair, positive), pair) for pair in attribute.operators()]
        self._conditions += sum(len(value) if isinstance(value, list) else 1 for _, (_, value) in found)
        return [expression for expression, _ in found]


def _join(parts: list[str], conjunction: bool) -> str:
    return parts[0] if len(parts) == 1 else "(" + (" and " if conjunction else " or ").join(parts) + ")"


def _text(field: str, operator: str, value: Any, positive: bool) -> str:
    if operator == "in":
        return any_of(field, value) if positive else f"not ({any_of(field, value)})"
    sign = _OPERATORS[operator]
    return f"{field} {sign if positive else _NEGATED[sign]} {quote(NO_CATEGORY if value is None else value)}"


def _price(operator: str, value: Any, positive: bool) -> str:
    if operator == "ne":
        operator, positive = "eq", not positive
    if value is None:
        return "price < 0" if positive else "price >= 0"
    if operator == "in":
        test = _join([f"price == {literal(item)}" for item in value], False)
    else:
        test = f"price {_OPERATORS[operator]} {literal(value)}"
    return f"(price >= 0 and {test})" if positive else f"(price < 0 or not ({test}))"


def _attribute(name: str, operator: str, value: Any, positive: bool) -> str:
    path = f"attributes[{quote(name)}]"
    if operator == "ne":
        operator, positive = "eq", not positive
    if value is None:
        return f"not (exists {path})" if positive else f"(exists {path})"  # servers read `exists x or y` as of `x or y`
    if operator == "in":
        return _join([_attribute(name, "eq", item, positive) for item in value], not positive)
    if operator == "contains":
        test = f"json_contains({path}, {literal(value)})"
        return test if positive else f"not ({test})"
    sign = _OPERATORS[operator]
    if positive:
        return f"{path} {sign} {literal(value)}"
    return f"(not (exists {path}) or {path} {_NEGATED[sign]} {literal(value)})"
