"""An in-memory inverted index: products that share words with a text, scored by BM25 over the whole catalog.

score(d) = Σ w(t, d) · idf(t) · (k1 + 1) / (1 + k1 · (1 - b + b · |d| / avgdl)),   t: the words of the query that d has
idf(t)   = ln(1 + (N - n(t) + 0.5) / (n(t) + 0.5)),   n(t): products with the word, of N
w(t, d)  = the highest weight of the fields of d that have t; 1 unless fields have weights

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, with Lucene's idf, which is
never negative. A word counts once in a product: that a title and its category both say "mug" makes no better mug. b is
small (0.1 instead of 0.75), since titles are short and what more they say is no fault: with b 0.75 "Mug" beats "Leopard
mug" for "a mug with this".

Every statistic is of the products that are there now, so a score does not depend on when or in which order they were
written. Scores are given as shares of the query's own, that of a product whose words are those of the query: 1 is such
a product, and 0 one that shares no word.
"""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from service.search.lexical.words import query_words, words

K1 = 1.2
B = 0.1
_SPARE = 1024
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LexicalScores:
    """Products that share words with a text, or have labels that it names, in no order.

    `scores`: how much of the text's words, from 0 to 1; `raised`: the share of the labels, from 0 to 1; `titled`: whose
    title is the text, word for word.
    """

    ids: list[str]
    scores: Scores
    raised: Scores
    titled: npt.NDArray[np.bool_]

    @cached_property
    def _place_of(self) -> dict[str, int]:
        return {id: place for place, id in enumerate(self.ids)}

    def place(self, product_id: str) -> int | None:
        """Where a product is in the arrays; None if it is not."""
        return self._place_of.get(product_id)

    def best(self, limit: int, *, by: Scores, least: float) -> list[str]:
        """The `limit` products with the highest values, best first and none below the least; equal ones by id."""
        if limit < len(self.ids):
            least = max(least, float(np.partition(by, -limit)[-limit]))
        places = np.flatnonzero(by >= least).tolist()
        order = sorted(places, key=lambda place: (-by[place], self.ids[place]))
        return [self.ids[place] for place in order[:limit]]


@dataclass(frozen=True, slots=True)
class _Lesser:
    """The entries in which a word counts for less than 1 have a posting of their own, besides that of the word."""

    word: str
    weight: float


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
        self._marks, self._titles, self._lengths, self._alive = array("q"), array("q"), array("I"), bytearray()
        self._postings: dict[Hashable, array[int]] = {}
        self._weights: set[float] = set()
        self._total = 0

    def __len__(self) -> int:
        """The number of products."""
        return len(self._entry_of)

    def put(
        self,
        product_id: str,
        words: Sequence[str],
        labels: Collection[Hashable] = (),
        lesser: Mapping[str, float] | None = None,
        *,
        title: str = "",
    ) -> None:
        """Add a product, or replace what it has. Labels (not texts) are searchable, but are not among its words.
        `lesser`: weights of words that count for less than 1; `title`: what a text may be, word for word.
        """
        different, title_mark = sorted(set(words)), _title_mark(title)
        weighted = [_Lesser(word, weight) for word, weight in (lesser or {}).items()]
        mark = hash((*different, *labels, *weighted, title_mark))
        with self._lock:
            known = self._entry_of.get(product_id)
            if known is not None and self._marks[known] == mark:
                return
            self._bury(known)
            entry = self._entry_of[product_id] = len(self._ids)
            self._ids.append(product_id)
            self._marks.append(mark)
            self._titles.append(title_mark)
            self._lengths.append(len(different))
            self._alive.append(1)
            self._total += len(different)
            self._weights |= {one.weight for one in weighted}
            for term in (*different, *dict.fromkeys(labels), *weighted):
                self._postings.setdefault(term, array("I")).append(entry)
            self._sweep()

    def remove(self, product_ids: Iterable[str]) -> None:
        """Forget products; unknown ones are skipped."""
        with self._lock:
            for id in product_ids:
                self._bury(self._entry_of.pop(id, None))
            self._sweep()

    def score(self, text: str, labels: Sequence[Collection[Hashable]] = ()) -> LexicalScores:
        """The products that share a word with the text, or have one of the labels of a group."""
        with self._lock:
            scores, raised = self._score(query_words(text)), self._raised(labels)
            matched = np.flatnonzero(scores + raised)
            titled = (np.frombuffer(self._titles, np.int64)[matched] == _title_mark(text)) & (scores[matched] > 0)
            ids = [self._ids[entry] for entry in matched.tolist()]
            return LexicalScores(ids, scores[matched], raised[matched], titled)

    def having(self, terms: Sequence[Collection[Hashable]]) -> set[str]:
        """The products that have a word or label of every group."""
        with self._lock:
            entries = (set(self._entries(group).tolist()) for group in terms)
            found = set[int].intersection(*entries) if terms else set[int]()
            return {self._ids[entry] for entry in found}

    def has(self, label: Hashable) -> bool:
        """Whether a product has a label."""
        with self._lock:
            return bool(self._entries([label]).size)

    def _score(self, wanted: Sequence[str]) -> Scores:
        """The share of each entry. Runs under the lock, as the next ones: no view of the arrays remains when they end,
        so that they can grow again.
        """
        products, scores, own = len(self._entry_of), np.zeros(len(self._ids)), 0.0
        average = max(self._total / max(products, 1), 1.0)
        lengths = np.frombuffer(self._lengths, np.uint32)
        for word in wanted:
            found = self._entries([word])
            idf = math.log1p((products - len(found) + 0.5) / (len(found) + 0.5))
            own += idf / _damping(len(wanted) / average)
            scores[found] += idf / _damping(lengths[found] / average)
            for weight in self._weights:
                less = self._entries([_Lesser(word, weight)])
                scores[less] -= (1 - weight) * idf / _damping(lengths[less] / average)
        return np.minimum(scores / own, 1.0) if own else scores

    def _raised(self, labels: Sequence[Collection[Hashable]]) -> Scores:
        """For each entry the share of groups of which it has a label."""
        raised = np.zeros(len(self._ids))
        for group in labels:
            raised[self._entries(group)] += 1 / len(labels)
        return raised

    def _entries(self, terms: Collection[Hashable]) -> npt.NDArray[np.uint32]:
        """The living entries that have any of these words and labels, each once."""
        alive = np.frombuffer(self._alive, np.bool_)
        each = [np.frombuffer(self._postings.get(term, b""), np.uint32) for term in terms]
        entries = each[0] if len(each) == 1 else np.unique(np.concatenate(each))
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
        for term, posting in list(self._postings.items()):
            entries = np.array(posting, np.uint32)
            kept = renumbered[entries[alive[entries]]]
            self._postings[term] = array("I", kept.tobytes())
            if not kept.size:
                del self._postings[term]
        places = np.flatnonzero(alive).tolist()
        self._ids = [self._ids[place] for place in places]
        self._marks = array("q", [self._marks[place] for place in places])
        self._titles = array("q", [self._titles[place] for place in places])
        self._lengths = array("I", [self._lengths[place] for place in places])
        self._alive = bytearray(b"\x01" * len(places))
        self._entry_of = {id: entry for entry, id in enumerate(self._ids)}


def _title_mark(text: str) -> int:
    """The same for texts of the same words in their order; for others the same once in 2^64 times."""
    return hash(tuple(words(text)))


def _damping(share: Any) -> Any:
    """The length normalization of a word for a text of so many average lengths: the denominator above. (k1 + 1) cancels
    out.
    """
    return 1 + K1 * (1 - B + B * share)
