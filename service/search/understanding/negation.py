"""Negations in an English sentence: "not red", "without stripes", "no pizza", "but not with dots or stripes".

What is negated begins behind the negating word and ends before a comma, a preposition or a conjunction. "no" and
"without" take the whole of it ("no red mugs" leaves blue mugs in); "not" takes what it stands before ("not red mugs"
asks for mugs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.search.understanding.sentence import Sentence, Word, overlaps

MOST_NEGATIONS = 8
_MOST_WORDS = 4
_WHOLE = frozenset({"no", "without", "except", "excluding"})
NEGATING = frozenset({"not", *_WHOLE})
"""Words that negate what stands behind them."""
_CONTRACTED = frozenset({"isn", "aren", "don", "doesn", "wasn", "shouldn", "wouldn"})
FILLERS = frozenset(
    (
        *("a", "an", "the", "any", "some", "my", "with", "in", "of", "want", "like", "need", "have", "has"),
        *("be", "is", "are", "thing", "things", "that", "those", "this", "these", "it", "color", "colored"),
        *("colour", "for", "one", "ones"),
    )
)
"""Words between a negating one and its object: "not with any stripes"."""
_ENDS = frozenset(
    (
        *("but", "with", "without", "no", "not", "for", "that", "which", "in", "on", "to", "from", "by"),
        *("at", "please", "as", "i", "you", "we", "under", "over", "below", "above", "between", "print"),
        *("printed", "pattern"),
    )
)
_REST = frozenset({"one", "ones", "please"})
"""What hangs behind a negated color: "not a red one"."""
_NO_NEGATION = frozenset(
    (
        *("too", "only", "just", "so", "very", "sure", "necessarily", "quite", "really", "all", "every"),
        *("much", "many", "more", "less", "matter", "name", "brand", "longer", "problem", "doubt", "idea"),
        *("if", "because", "yet", "even"),
    )
)
"""Behind "not" and "no" these make no wish: "not too big", "no matter", "not sure"."""
_ALTERNATIVES = frozenset({"or", "nor", "and"})

Longest = Callable[[Sequence[Word]], int]
"""How many of these words, from the first one on, are a value that the catalog has; 0 for none."""


@dataclass(frozen=True, slots=True)
class Negation:
    """What is not wanted, and the place of the whole negation in the sentence."""

    words: tuple[Word, ...]
    start: int
    end: int


def negations(sentence: Sentence, taken: Sequence[tuple[int, int]], longest: Longest) -> list[Negation]:
    """The negations of a sentence outside of the places `taken`, at most `MOST_NEGATIONS`."""
    found: list[Negation] = []
    place = 0
    while place < len(sentence.words) and len(found) < MOST_NEGATIONS:
        behind = _behind(sentence, place)
        place += 1
        if behind is None or overlaps(sentence.words[place - 1], taken):
            continue
        begin, whole = sentence.words[place - 1].start, sentence.words[place - 1].text in _WHOLE
        for words, place in _phrases(sentence, behind, taken, longest if not whole else None):
            rest = sentence.words[place : place + 1]
            last = rest[0] if rest and rest[0].text in _REST else words[-1]
            found.append(Negation(words, begin, last.end))
            begin = words[0].start
    return found


def _behind(sentence: Sentence, place: int) -> int | None:
    """The place behind a negating word; None for another word. "no-iron" and "non-slip" are properties."""
    words = sentence.words
    here, following = words[place].text, words[place + 1 : place + 3]
    if here in _CONTRACTED and following and following[0].text == "t" and sentence.gap(place + 1) in ("'", "’"):
        return place + 2
    if here not in NEGATING:
        return None
    if not following or not sentence.gap(place + 1).isspace() or following[0].text in _NO_NEGATION:
        return None
    return place + 1


def _phrases(
    sentence: Sentence, place: int, taken: Sequence[tuple[int, int]], longest: Longest | None
) -> list[tuple[tuple[Word, ...], int]]:
    """The phrases from a place on, "red or blue" being two, each with the place behind it."""
    found: list[tuple[tuple[Word, ...], int]] = []
    while (phrase := _phrase(sentence, place, taken, longest)) is not None:
        place = phrase[1]
        found.append(phrase)
        if place >= len(sentence.words) or sentence.words[place].text not in _ALTERNATIVES:
            break
        after = sentence.words[place + 1 : place + 2]
        if not after or after[0].text in _ENDS or (sentence.words[place].text == "and" and after[0].text in FILLERS):
            break
        place += 1
    return found


def _phrase(
    sentence: Sentence, place: int, taken: Sequence[tuple[int, int]], longest: Longest | None
) -> tuple[tuple[Word, ...], int] | None:
    """The words of one phrase and the place behind it; `longest` None: all of them. None if there are none."""
    words = sentence.words
    start = place
    while place < len(words) and words[place].text in FILLERS and not overlaps(words[place], taken):
        place += 1
        if place < len(words) and not _is_joined(sentence, place):
            return None
    begin = place
    while place < len(words) and place - begin < _MOST_WORDS and not _is_end(sentence, place, begin, taken):
        place += 1
    phrase = words[begin:place]
    if phrase and longest is not None:
        phrase = phrase[: max(1, longest(phrase))]
    wanted = tuple(word for word in phrase if word.text not in FILLERS)
    return (wanted, begin + len(phrase)) if wanted and start <= begin else None


def _is_end(sentence: Sentence, place: int, begin: int, taken: Sequence[tuple[int, int]]) -> bool:
    word = sentence.words[place]
    if overlaps(word, taken) or (place > begin and not _is_joined(sentence, place)):
        return True
    return word.text in _ENDS or word.text in _ALTERNATIVES


def _is_joined(sentence: Sentence, place: int) -> bool:
    """Whether nothing but a blank or a hyphen stands before a word."""
    return sentence.gap(place).strip(" -'’") == ""


class Without(NamedTuple):
    """What a product says of itself that it is without, as a label: `handle` for "Teacup without handle"."""

    stem: str


def absences(text: str) -> Iterator[Without]:
    """What a text about a product says that this is without: the word behind each negating one."""
    words = Sentence.of(text).words
    for place, word in enumerate(words):
        if word.text in NEGATING:
            yield from [Without(one.stem) for one in words[place + 1 : place + 3] if one.text not in FILLERS][:1]
