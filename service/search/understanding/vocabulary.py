"""The values of a catalog's facets as phrases, and the recognition of them in a text.

Values are labels in the index of words, so that products are found by them as by a word. Bounded: values of more than
`MOST_WORDS` words or `MOST_CHARS` characters are not searched by, nor are further ones of a field that has
`MOST_VALUES` already (such as an attribute with a text of its own for each product).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from service.product import Product, Scalar
from service.search.color_words import COLORS
from service.search.lexical.words import STOP_WORDS
from service.search.understanding.sentence import Word, stems

MOST_VALUES = 10_000
MOST_WORDS = 5
MOST_CHARS = 80
_MOST_NAMED = 16
_SHORT = 1
COLOR_FIELDS = frozenset({"color", "colour"})


class FacetValue(NamedTuple):
    """A value of `category` or of an attribute, as the catalog writes it."""

    field: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Mention:
    """Words of a sentence and the values that they name."""

    words: tuple[Word, ...]
    values: tuple[FacetValue, ...]


def _facet_values(product: Product, wanted: Collection[str]) -> Iterator[FacetValue]:
    """The values of a product in these fields, given in lower case; names are compared without case."""
    if "category" in wanted and product.category:
        yield from _short("category", product.category)
    for name, value in product.attributes.items():
        if name.casefold() in wanted:
            for one in value if isinstance(value, list) else [value]:
                yield from _short(name, one)


def _short(name: str, value: Scalar) -> Iterator[FacetValue]:
    if not isinstance(value, bool) and len(str(value)) <= MOST_CHARS and value != "":
        yield FacetValue(name, value)


@dataclass(slots=True)
class Vocabulary:
    """Phrases (stems) of values, and the values under each. Values are added while others read.

    `fields`: whose values they are, in lower case; `synonyms`: phrases by the phrases that mean the same.
    """

    fields: frozenset[str]
    synonyms: Mapping[tuple[str, ...], Sequence[tuple[str, ...]]] = field(default_factory=dict)
    _phrases: dict[tuple[str, ...], dict[FacetValue, None]] = field(default_factory=dict)
    _known: set[FacetValue] = field(default_factory=set)
    _counts: Counter[str] = field(default_factory=Counter)

    def labels(self, product: Product) -> list[FacetValue]:
        """The values of a product, which are known from now on."""
        return [value for value in _facet_values(product, self.fields) if self._add(value)]

    def _add(self, value: FacetValue) -> bool:
        """Note a value; False for one that is over the bounds."""
        if value in self._known:
            return True
        phrase = stems(str(value.value))
        if not 0 < len(phrase) <= MOST_WORDS or self._counts[value.field] >= MOST_VALUES:
            return False
        self._counts[value.field] += 1
        self._known.add(value)
        self._phrases.setdefault(phrase, {})[value] = None
        return True

    def mentions(self, words: Sequence[Word]) -> list[Mention]:
        """The values that these words name, in their order; longer phrases go before shorter ones."""
        found, place = [], 0
        while place < len(words):
            size, values = self._longest(words, place)
            if values:
                found.append(Mention(tuple(words[place : place + size]), values))
            place += size or 1
        return found

    def longest(self, words: Sequence[Word]) -> int:
        """How many words, from the first one on, are one value."""
        return self._longest(words, 0)[0]

    def _longest(self, words: Sequence[Word], place: int) -> tuple[int, tuple[FacetValue, ...]]:
        for size in range(min(MOST_WORDS, len(words) - place), 0, -1):
            phrase = tuple(word.stem for word in words[place : place + size])
            before = words[place - 1].stem if place else ""
            values = [value for value in self._values(phrase) if _is_meant(phrase, value, before)]
            if values:
                return size, tuple(dict.fromkeys(values))[:_MOST_NAMED]
        return 0, ()

    def _values(self, phrase: tuple[str, ...]) -> Iterator[FacetValue]:
        """Values of this phrase and of its synonyms; for a color that the catalog does not have, of its shades."""
        own = self._phrases.get(phrase, {})
        yield from list(own)
        for other in self.synonyms.get(phrase, ()):
            yield from list(self._phrases.get(other, {}))
        if len(phrase) == 1 and phrase[0] in COLORS and not own:
            for shade in _shades(phrase[0]):
                values = list(self._phrases.get((shade,), {}))
                yield from (value for value in values if value.field.casefold() in COLOR_FIELDS)


def _shades(color: str) -> list[str]:
    """Color words that may stand for a basic color for which this one may stand."""
    return [other for other, basic in COLORS.items() if basic & COLORS[color]]


def _is_meant(phrase: tuple[str, ...], value: FacetValue, before: str) -> bool:
    """A number or a single letter names a value only behind its field ("size 42", "size M"), and "on" is no brand."""
    if len(phrase) > 1:
        return True
    [word] = phrase
    if len(word) <= _SHORT or word.isdigit():
        return before == value.field.casefold()
    return word not in STOP_WORDS
