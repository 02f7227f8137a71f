"""A sentence as words with their places, some of which are taken out of it once they are understood."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.search.lexical.words import STOP_WORDS, singular, words

_WORD = re.compile(r"\w+")
_LOOSE = re.compile(r"^[\s,;:.&-]+|[\s,;:&-]+$")
_LOOSE_END = frozenset({"and", "but", "or", "that", "which", "is", "are", "with"})
_NOTHING = STOP_WORDS | {
    *("i", "you", "we", "me", "my", "who", "which", "anything", "something", "everything"),
    *("please", "show", "find", "give", "looking"),
}
_EMPTY = re.compile(r" ?\( ?\)")


@dataclass(frozen=True, slots=True)
class Word:
    """A word in lower case, its singular, and its place: `start` to `end`."""

    text: str
    stem: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence whose words are separated by single blanks."""

    text: str
    words: tuple[Word, ...]

    @classmethod
    def of(cls, text: str) -> Sentence:
        """Cut a text into words."""
        plain = " ".join(text.split())
        found = (Word(match[0].lower(), " ".join(stems(match[0])), *match.span()) for match in _WORD.finditer(plain))
        return cls(plain, tuple(found))

    def gap(self, place: int) -> str:
        """What stands between the word at `place` and the one before it."""
        before = self.words[place - 1].end if place else 0
        return self.text[before : self.words[place].start]

    def left(self, taken: Sequence[tuple[int, int]]) -> str | None:
        """The sentence without these places and what then hangs loose; None if that says nothing any more."""
        kept, end = [], 0
        for start, stop in sorted(taken):
            kept.append(self.text[end : max(start, end)])
            end = max(end, stop)
        rest = " ".join(_EMPTY.sub("", "".join([*kept, self.text[end:]])).split())
        rest = re.sub(r" ([,.;:!?])", r"\1", _LOOSE.sub("", rest))
        while taken and rest.rpartition(" ")[2].lower() in _LOOSE_END:
            rest = _LOOSE.sub("", rest.rpartition(" ")[0])
        return rest if any(word not in _NOTHING for word in words(rest)) else None


def stems(text: str) -> tuple[str, ...]:
    """The words of a text in the form in which sentence and catalog meet."""
    return tuple(singular(word) for word in words(text))


def overlaps(word: Word, taken: Sequence[tuple[int, int]]) -> bool:
    """Whether a word stands in one of these places."""
    return any(word.start < stop and start < word.end for start, stop in taken)
