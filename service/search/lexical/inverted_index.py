"""An inverted index in memory: which products share words with a text, scored by BM25 over the whole catalog.

score(d) = Σ idf(t) · (k1 + 1) / (1 + k1 · (1 - b + b · |d| / avgdl)),   t: the words of the query that d has
idf(t)   = ln(1 + (N - n(t) + 0.5) / (n(t) + 0.5)),   n(t): products with the word, of N

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, with Lucene's idf, which is
never negative. A word counts once in a product: that a title and its category both say "mug" makes no better mug. b is
small (0.1 instead of 0.75), since titles are short and what more they say is no fault: with b 0.75 composed queries on
the demo shop have R@1 0.60 instead of 0.75, because "Mug" beats "Leopard mug" for "a mug with this".

Every statistic is of the products that are there now, so a score does not depend on when or in which order they were
written. Scores are given as shares of the query's own, that of a product whose words are those of the query: 1 is such
a product, and 0 one that shares no word.
"""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from service.search.lexical.words import query_words

K1 = 1.2
B = 0.1
_SPARE = 1024
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LexicalScores:
    """Products that share words with a text, and how much: scores in (0, 1], in no order."""

    ids: list[str]
    scores: Scores

    @cached_property
    def of(self) -> dict[str, float]:
        """The scores by product id."""
        return dict(zip(self.ids, self.scores.tolist(), strict=True))

    def best(self, limit: int) -> list[str]:
        """The `limit` products with the highest scores, best first; equal ones by id."""
        least = np.partition(self.scores, -limit)[-limit] if limit < len(self.ids) else 0.0
        places = np.flatnonzero(self.scores >= least).tolist()
        order = sorted(places, key=lambda place: (-self.scores[place], self.ids[place]))
        return [self.ids[place] for place in order[:limit]]


class LexicalIndex:
    """Products and their words, changed one by one. Safe to use from several threads.

    An entry is never changed: a product that is put again gets a new one, and the old one is dead. Dead entries are
    swept when they are more than the living ones.
    """

    def __init__(self) -> None:
        """Nothing is in it."""
        self._lock = threading.Lock()
        self._entry_of: dict[str, int] = {}
        self._ids: list[str] = []
        self._marks, self._lengths, self._alive = array("q"), array("I"), bytearray()
        self._postings: dict[str, array[int]] = {}
        self._total = 0

    def __len__(self) -> int:
        """The number of products."""
        return len(self._entry_of)

    def put(self, product_id: str, words: Sequence[str]) -> None:
        """Add a product, or replace its words."""
        different = sorted(set(words))
        mark = hash(tuple(different))
        with self._lock:
            known = self._entry_of.get(product_id)
            if known is not None and self._marks[known] == mark:
                return
            self._bury(known)
            entry = self._entry_of[product_id] = len(self._ids)
            self._ids.append(product_id)
            self._marks.append(mark)
            self._lengths.append(len(different))
            self._alive.append(1)
            self._total += len(different)
            for word in different:
                self._postings.setdefault(word, array("I")).append(entry)
            self._sweep()

    def remove(self, product_ids: Iterable[str]) -> None:
        """Forget products; unknown ones are passed over."""
        with self._lock:
            for id in product_ids:
                self._bury(self._entry_of.pop(id, None))
            self._sweep()

    def score(self, text: str) -> LexicalScores:
        """The products that share a word with the text."""
        with self._lock:
            return self._score(query_words(text))

    def _score(self, wanted: Sequence[str]) -> LexicalScores:
        """Runs under the lock: no view of the arrays is left when it ends, so that they can grow again."""
        products, entries = len(self._entry_of), len(self._ids)
        if not products or not wanted:
            return LexicalScores([], np.zeros(0))
        average = max(self._total / products, 1.0)
        alive = np.frombuffer(self._alive, np.bool_)
        lengths = np.frombuffer(self._lengths, np.uint32)
        scores, own = np.zeros(entries), 0.0
        for word in wanted:
            found = self._found(word, alive)
            idf = math.log1p((products - len(found) + 0.5) / (len(found) + 0.5))
            own += idf / _damping(len(wanted) / average)
            scores[found] += idf / _damping(lengths[found] / average)
        matched = np.flatnonzero(scores)
        return LexicalScores([self._ids[entry] for entry in matched.tolist()], np.minimum(scores[matched] / own, 1.0))

    def _found(self, word: str, alive: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint32]:
        """The living entries with a word."""
        entries = np.frombuffer(self._postings.get(word, b""), np.uint32)
        return entries[alive[entries]]

    def _bury(self, entry: int | None) -> None:
        if entry is not None:
            self._alive[entry] = 0
            self._total -= self._lengths[entry]

    def _sweep(self) -> None:
        """Drop the dead entries if they are many."""
        if len(self._ids) <= 2 * len(self._entry_of) + _SPARE:
            return
        alive = np.frombuffer(bytes(self._alive), np.bool_)
        renumbered = np.cumsum(alive, dtype=np.uint32) - 1
        for word, posting in list(self._postings.items()):
            entries = np.array(posting, np.uint32)
            kept = renumbered[entries[alive[entries]]]
            self._postings[word] = array("I", kept.tobytes())
            if not kept.size:
                del self._postings[word]
        places = np.flatnonzero(alive).tolist()
        self._ids = [self._ids[place] for place in places]
        self._marks = array("q", [self._marks[place] for place in places])
        self._lengths = array("I", [self._lengths[place] for place in places])
        self._alive = bytearray(b"\x01" * len(places))
        self._entry_of = {id: entry for entry, id in enumerate(self._ids)}


def _damping(share: Any) -> Any:
    """How little a word counts in a text of so many average lengths: the denominator above. (k1 + 1) cancels out."""
    return 1 + K1 * (1 - B + B * share)
