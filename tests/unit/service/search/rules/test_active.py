"""Which rules a query is subject to: by its words, the values it names, and the time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from service.search.rules.active import RuleQuery, active
from service.search.understanding.understand import Understood
from service.search.understanding.vocabulary import FacetValue, Mention
from service.wire.rules import RuleBody, RulesBody

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
EXCLUDE = {"exclude": {"price": {"gt": 5}}}


def is_active(when: dict[str, Any], text: str | None, understood: Understood | None = None) -> bool:
    rule = RuleBody.model_validate({"name": "a", "when": when, **EXCLUDE})
    return bool(active([rule], RuleQuery.of(text, understood), NOW))


@pytest.mark.parametrize(
    ("when", "text", "expected"),
    [
        ({}, None, True),
        ({"exact": ["winter coat"]}, "Winter coats", True),
        ({"exact": ["winter coat"]}, "a red winter coat", False),
        ({"exact": ["mug", "winter coat"]}, "mugs", True),
        ({"exact": ["mug"]}, None, False),
        ({"exact": ["!"]}, "?", False),
        ({"contains": ["winter coat"]}, "red winter coats, please", True),
        ({"contains": ["winter coat"]}, "a coat for winter", False),
        ({"contains": ["coat"]}, "coated pan", False),
        ({"exact": ["coat"], "contains": ["mug"]}, "coat", False),
        ({"since": "2026-11-28T12:00:00Z"}, "x", True),
        ({"since": "2026-11-28T12:00:01Z"}, "x", False),
        ({"until": "2026-11-28T12:00:00Z"}, "x", False),
        ({"since": "2026-11-28T12:30:00+01:00", "until": "2026-11-28T13:30:00+01:00"}, "x", True),
    ],
)
def test_a_rule_is_for_the_searches_that_meet_its_conditions(
    when: dict[str, Any], text: str | None, expected: bool
) -> None:
    assert is_active(when, text) is expected


def test_a_rule_may_be_for_queries_that_name_a_value_of_the_catalog() -> None:
    understood = Understood("a red mug", {}, (Mention((), (FacetValue("Colour", "Red"), FacetValue("size", 1))),))
    assert is_active({"attributes": {"colour": ["blue", "red"]}}, "a red mug", understood)
    assert is_active({"attributes": {"size": [1.0]}}, "a red mug", understood)
    assert not is_active({"attributes": {"size": [True]}}, "a red mug", understood)
    assert not is_active({"attributes": {"colour": ["red"], "brand": ["x"]}}, "a red mug", understood)
    assert not is_active({"attributes": {"colour": ["red"]}}, "a red mug")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a"},
        {"name": "", **EXCLUDE},
        {"name": "a\n", **EXCLUDE},
        {"name": "a", "exclude": {}},
        {"name": "a", "exclude": {"prize": {"gt": 5}}},
        {"name": "a", "boost": {"filter": {"price": {"gt": 5}}, "weight": 0.5}},
        {"name": "a", "pin": [{"product_id": "p", "position": 0}]},
        {"name": "a", "when": {"since": "2026-11-28T12:00:00"}, **EXCLUDE},
        {"name": "a", "when": {"since": "2026-11-28T12:00:00Z", "until": "2026-11-28T12:00:00Z"}, **EXCLUDE},
        {"name": "a", "when": {"exact": []}, **EXCLUDE},
        {"name": "a", "bost": 1, **EXCLUDE},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RulesBody.model_validate({"rules": [wrong]})


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two rules"):
        RulesBody.model_validate({"rules": [{"name": "a", **EXCLUDE}] * 2})
