"""Calls about the merchandising rules. They may be repeated: rules are replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from service.client.call import Call, into
from service.wire.rules import RuleBody, RulesBody

_PATH = "/v1/rules"


def rules() -> Call[RulesBody]:
    """All rules of the service."""
    return Call("GET", _PATH, into(RulesBody))


def put_rules(rules: RulesBody | Sequence[RuleBody | Mapping[str, Any]]) -> Call[RulesBody]:
    """Replace all rules; none of them if the list is empty. Raises NotFoundError if the service has no file of them."""
    each = rules.rules if isinstance(rules, RulesBody) else rules
    body = [_json(rule) if isinstance(rule, RuleBody) else rule for rule in each]
    return Call("PUT", _PATH, into(RulesBody), options={"json": {"rules": body}})


def _json(rule: RuleBody) -> dict[str, Any]:
    return rule.model_dump(mode="json", by_alias=True, exclude_unset=True)
