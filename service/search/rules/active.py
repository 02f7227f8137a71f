"""Which rules a search is subject to, by its text and the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from service.product import Scalar, normal_text
from service.search.lexical.words import has_phrase
from service.search.understanding.sentence import stems
from service.search.understanding.understand import Understood
from service.wire.rules import RuleBody, WhenBody


@dataclass(frozen=True, slots=True)
class RuleQuery:
    """What rules see of a query: its words in the singular, and the values of the catalog that it names, by field."""

    words: tuple[str, ...] = ()
    values: Mapping[str, frozenset[tuple[type, Scalar]]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str | None, understood: Understood | None) -> RuleQuery:
        """Of a text and its interpretation."""
        named: dict[str, set[tuple[type, Scalar]]] = {}
        for mention in understood.boost if understood else ():
            for name, value in mention.values:
                named.setdefault(name.casefold(), set()).add(_key(value))
        return cls(stems(text or ""), {name: frozenset(values) for name, values in named.items()})


def active(rules: Sequence[RuleBody], query: RuleQuery, now: datetime) -> tuple[RuleBody, ...]:
    """The rules for this query at this time, in their order. `now` has a time zone."""
    return tuple(rule for rule in rules if _is_met(rule.when, query, now))


def _is_met(when: WhenBody, query: RuleQuery, now: datetime) -> bool:
    if (when.since and now < when.since) or (when.until and now >= when.until):
        return False
    if when.exact is not None and not any(_words(phrase) == query.words != () for phrase in when.exact):
        return False
    if when.contains is not None and not any(has_phrase(query.words, _words(phrase)) for phrase in when.contains):
        return False
    return all(
        not query.values.get(name.casefold(), frozenset()).isdisjoint(map(_key, wanted))
        for name, wanted in when.attributes.items()
    )


@lru_cache(20_000)
def _words(phrase: str) -> tuple[str, ...]:
    """The words of a rule's phrase, which are the same in every search."""
    return stems(phrase)


def _key(value: Scalar) -> tuple[type, Scalar]:
    """A value for comparison: texts without case, 1 equal to 1.0 and not to true."""
    if isinstance(value, str):
        return str, normal_text(value).casefold()
    return (bool, value) if isinstance(value, bool) else (float, value)
