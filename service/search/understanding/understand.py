"""From a text to its constraints on the catalog.

"a blue hoodie under 20 euros, no pizza" searches for "a blue hoodie", raises products whose color is blue and whose
category is hoodie, leaves out those that cost 20 or more, and those whose words have "pizza".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from service.product import Product
from service.search.understanding.bounds import Operator, PriceBound, price_bounds
from service.search.understanding.negation import FILLERS, Negation, Without, absences, negations
from service.search.understanding.sentence import Sentence, overlaps
from service.search.understanding.vocabulary import FacetValue, Mention, Vocabulary
from service.stores.filters import MAX_NUMBER

MOST_MENTIONS = 8
Terms = Sequence[Sequence[Hashable]]
"""Groups of labels and words; a product that has one of each group is meant."""
Part = Literal["filter", "excluded"]
"""What is given up where nothing would be left: price bounds, or what is not wanted."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What is not wanted. `values`: those of the catalog that the words name; `rest`: stems of the other words;
    `is_quoted`: a product says the same ("Teacup without handle"), so the words are also what is searched for.
    """

    text: str
    values: tuple[Mention, ...]
    rest: tuple[str, ...]
    absence: Without
    """The label of products that are without the same thing, and so are not left out."""
    is_quoted: bool = False

    @property
    def is_filter(self) -> bool:
        """Whether a filter says it: values alone, of whatever says nothing of the kind itself."""
        return not self.rest and not self.is_quoted


@dataclass(frozen=True, slots=True)
class Understood:
    """`text`: the sentence without its bounds and negations, None if nothing else is in it."""

    text: str | None
    price: dict[Operator, float]
    boost: tuple[Mention, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    relaxed: tuple[Part, ...] = ()

    @property
    def labels(self) -> list[tuple[FacetValue, ...]]:
        """The values that raise a product, one group for each that the sentence names."""
        return [mention.values for mention in self.boost]

    def attempts(self) -> Iterator[Understood]:
        """The same, then with less and less of its conditions, for the case that nothing is left under them."""
        yield self
        less = self
        if self.excluded:
            less = replace(less, excluded=(), relaxed=("excluded",))
            yield less
        if self.price:
            yield replace(less, price={}, relaxed=("filter", *less.relaxed))


class Understander:
    """Reads sentences by what the catalog has. Thread-safe."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """`vocabulary`: grows with the catalog."""
        self._vocabulary = vocabulary

    def labels(self, product: Product) -> list[Hashable]:
        """What a product is found by besides its words: its values, which are known from now on, and its absences."""
        return [*self._vocabulary.labels(product), *absences(product.title or "")]

    def understand(
        self, text: str, is_known: Callable[[FacetValue], bool], is_said: Callable[[Terms], bool]
    ) -> Understood:
        """What a sentence says. `is_known`: whether a value is one of the catalog's still; `is_said`: whether one of
        its products has a word or label of every group.
        """
        sentence = Sentence.of(text)
        bounds = price_bounds(sentence.text)
        taken = [(bound.start, bound.end) for bound in bounds]
        unwanted = negations(sentence, taken, self._vocabulary.longest)
        quoted = [is_said(_quotation(sentence, one)) for one in unwanted]
        taken += [(one.start, one.end) for one, kept in zip(unwanted, quoted, strict=True) if not kept]
        wanted = [word for word in sentence.words if not overlaps(word, taken)]
        mentions = [_known(mention, is_known) for mention in self._vocabulary.mentions(wanted)]
        return Understood(
            sentence.left(taken) if taken else text,
            _price(bounds),
            tuple(mention for mention in mentions if mention.values)[:MOST_MENTIONS],
            tuple(self._exclusion(sentence, *one, is_known) for one in zip(unwanted, quoted, strict=True)),
        )

    def _exclusion(
        self, sentence: Sentence, one: Negation, is_quoted: bool, is_known: Callable[[FacetValue], bool]
    ) -> Exclusion:
        mentions = [_known(mention, is_known) for mention in self._vocabulary.mentions(one.words)]
        values = tuple(mention for mention in mentions if mention.values)
        named = {word for mention in values for word in mention.words}
        rest = tuple(word.stem for word in one.words if word not in named)
        said = sentence.text[one.words[0].start : one.words[-1].end]
        return Exclusion(said, values, rest, Without(one.words[0].stem), is_quoted)


def _quotation(sentence: Sentence, one: Negation) -> list[Sequence[Hashable]]:
    """What a product must have to say the same: the word that the negation is about, and the absence of its object."""
    about = [word for word in sentence.words if word.end <= one.start and word.text not in FILLERS][-1:]
    return [*([word.stem] for word in about), [Without(one.words[0].stem)]]


def _known(mention: Mention, is_known: Callable[[FacetValue], bool]) -> Mention:
    return replace(mention, values=tuple(value for value in mention.values if is_known(value)))


def _price(bounds: Sequence[PriceBound]) -> dict[Operator, float]:
    """The bounds as a condition; the last one of a kind counts."""
    return {
        bound.operator: bound.amount for bound in bounds if bound.amount <= MAX_NUMBER and math.isfinite(bound.amount)
    }
