"""Searches of Milvus Lite whose time hardly grows with the rows.

Lite 3.2 goes in Python through all rows of a collection for each search, to leave out those that were replaced or
deleted: at 20,000 rows that is four fifths of its time. And it reads the rows found value by value, their vectors with
them. Here the rows that are gone are found by the keys of what took their place, and rows found are read by columns.
The answers are the same. What this service does not ask for, such as partitions, is left to Lite's own function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, takewhile
from typing import Any

import numpy as np
import numpy.typing as npt
from milvus_lite._version import get_version
from milvus_lite.engine import collection as lite_collection
from milvus_lite.index.brute_force import BruteForceIndex
from milvus_lite.search.filter import evaluate_mask
from milvus_lite.search.indexed_filter import evaluate_segment_filter

from rerank.lru_cache import LruCache

RELEASE = "3.2.2"
"""The release of Lite whose function is replaced; any other one keeps its own, which may do more."""

lite_search = lite_collection.execute_search_with_index
Mask = npt.NDArray[np.bool_]
Numbers = Mapping[Any, int]
"""By key, the sequence number of a write or a deletion: of two about one key, the greater one counts."""

Near = tuple[float, int, int]
"""The distance of a row, the number of its source, and its place there."""

_kept = LruCache[tuple[int, ...], "_Living"](4)
_passed = LruCache[tuple[int, int], tuple[Any, Any, Mask]](8)
"""Which rows of a segment pass a filter, with what the addresses in the key belong to, so that none is given again."""


def take_over() -> None:
    """Have Lite search by `search`."""
    if get_version() == RELEASE:
        lite_collection.execute_search_with_index = search


def search(**asked: Any) -> list[list[dict[str, Any]]]:
    """The nearest rows for each query vector, in place of Lite's function: its parameters, and its results."""
    question = Question(**asked | {"segments": [one for one in asked["segments"] if one.num_rows]})
    return question.answer() if question.is_plain else lite_search(**asked)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What Lite is asked, by the names of its parameters."""

    query_vectors: npt.NDArray[np.float32]
    segments: Sequence[Any]
    memtable: Any
    delta_index: Any
    top_k: int
    metric_type: str
    pk_field: str
    vector_field: str
    partition_names: Sequence[str] | None
    compiled_filter: Any
    output_fields: Sequence[str] | None
    indexed_filter_plan: Any
    project_record_fn: Any
    search_params: Mapping[str, Any] | None

    @property
    def is_plain(self) -> bool:
        """Whether all of it is answered here."""
        names = set(self.output_fields or ["*"])
        fixed = ("$meta" not in one.table.column_names and len(one.pk_to_row) == one.num_rows for one in self.segments)
        return not self.partition_names and "*" not in names and self.top_k > 0 and all(fixed)

    def answer(self) -> list[list[dict[str, Any]]]:
        """The nearest rows on disk and in memory. A row in memory replaces one on disk."""
        deleted = self.delta_index.snapshot
        memory = _Memory(self, deleted)
        masks = _living(self.segments, deleted)
        for segment, mask in zip(self.segments, masks, strict=True):
            _hide(segment, mask, memory.changes)
        disk = [_Stored(self, segment, mask) for segment, mask in zip(self.segments, masks, strict=True)]
        sources: list[_Stored | _Memory] = [*disk, memory]
        found = [source.nearest(number) for number, source in enumerate(sources)]
        return [self._best(sources, sorted(chain(*each))[: self.top_k]) for each in zip(*found, strict=True)]

    def _best(self, sources: Sequence[_Stored | _Memory], near: Sequence[Near]) -> list[dict[str, Any]]:
        """The rows as Lite returns them; those of a source are read at once."""
        rows: dict[tuple[int, int], dict[str, Any]] = {}
        for number in sorted({where for _, where, _ in near}):
            places = [place for _, where, place in near if where == number]
            rows |= {(number, place): row for place, row in zip(places, sources[number].read(places), strict=True)}
        return [{"distance": distance, **rows[where, place]} for distance, where, place in near]

    def among(self, index: Any, mask: Mask, number: int) -> list[list[Near]]:
        """For each query vector the nearest rows of an index, of those in a mask."""
        if not mask.any():
            return [[] for _ in self.query_vectors]
        valid = None if mask.all() else mask
        found = index.search(self.query_vectors, self.top_k, valid_mask=valid, params=self.search_params)
        each = zip(*(part.tolist() for part in found), strict=True)
        return [
            [(distance, number, place) for place, distance in takewhile(_is_row, zip(places, distances, strict=True))]
            for places, distances in each
        ]


def _is_row(found: tuple[int, float]) -> bool:
    """An index gives -1 behind the last row."""
    return found[0] >= 0


class _Stored:
    """The rows of a segment, which never change, and which of them are there still."""

    def __init__(self, question: Question, segment: Any, mask: Mask) -> None:
        self._question = question
        self._segment = segment
        self._vectors, present = segment.vector_data(question.vector_field)
        self._mask = mask if present is None else mask & present

    def nearest(self, number: int) -> list[list[Near]]:
        """See `Question.among`."""
        asked, segment, mask = self._question, self._segment, self._mask
        if asked.compiled_filter is not None:
            mask = mask & _passing(asked, segment)
        index = segment.indexes.get(asked.vector_field)
        if index is None:
            index = BruteForceIndex.build(self._vectors, asked.metric_type)
        return asked.among(index, mask, number)

    def read(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Keys and fields of rows."""
        asked, table = self._question, self._segment.table
        names = [name for name in asked.output_fields or () if name != asked.pk_field and name in table.column_names]
        fields = table.select(names).take(places).to_pylist() if names else [{} for _ in places]
        return [{"id": self._segment.pks[place], "entity": row} for place, row in zip(places, fields, strict=True)]


class _Memory:
    """The rows that were written and are in no segment yet."""

    def __init__(self, question: Question, flushed: Numbers) -> None:
        """`flushed`: deletions that are in memory no more."""
        self._question = question
        self._keys, numbers, self._vectors, self._places, self._table = question.memtable.to_search_snapshot(
            vector_field=question.vector_field, include_table=question.compiled_filter is not None
        )
        self._numbers = numbers.tolist()
        self._deleted = {key: number for key, (number, _) in question.memtable.delete_index_snapshot().items()}
        self._flushed = flushed

    @property
    def changes(self) -> Iterable[tuple[Any, int]]:
        """The keys of rows that were written or deleted, with their sequence numbers."""
        return chain(zip(self._keys, self._numbers, strict=True), self._deleted.items())

    def nearest(self, number: int) -> list[list[Near]]:
        """See `Question.among`."""
        asked = self._question
        mask = np.array([self._is_latest(*one) for one in zip(self._keys, self._numbers, strict=True)], np.bool_)
        if asked.compiled_filter is not None and self._keys:
            mask &= evaluate_mask(asked.compiled_filter, self._table).astype(np.bool_)
        return asked.among(BruteForceIndex.build(self._vectors, asked.metric_type), mask, number)

    def read(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Keys and fields of rows."""
        rows = [self._question.memtable.materialize_row(*self._places[place]) for place in places]
        return [{"id": row[self._question.pk_field], "entity": self._question.project_record_fn(row)} for row in rows]

    def _is_latest(self, key: Any, number: int) -> bool:
        places = ((segment, segment.find_row(key)) for segment in self._question.segments)
        stored = (int(segment.seqs[place]) for segment, place in places if place is not None)
        latest: int = max(self._deleted.get(key, -1), self._flushed.get(key, -1), *stored)
        return number >= latest


@dataclass(frozen=True, slots=True)
class _Living:
    """Which rows of segments no other one of these segments replaces and no deletion hides.

    `keys` are those of the segments: while they are kept, no other list has their address.
    """

    keys: Sequence[Sequence[Any]]
    deleted: Numbers
    masks: Sequence[Mask]


def _passing(asked: Question, segment: Any) -> Mask:
    """Which rows of a segment pass the filter. Neither changes, and Lite keeps the filters that were compiled last."""
    key = id(asked.compiled_filter), id(segment.pks)
    known = _passed.get(key)
    if known is None:
        mask = evaluate_segment_filter(segment, asked.compiled_filter, asked.indexed_filter_plan).astype(np.bool_)
        known = asked.compiled_filter, segment.pks, mask
        _passed.put(key, known)
    return known[2]


def _living(segments: Sequence[Any], deleted: Numbers) -> list[Mask]:
    """Masks of the rows that are there still, to be changed by the caller."""
    address = tuple(id(segment.pks) for segment in segments)
    known = _kept.get(address)
    if known is None or known.deleted != deleted:
        known = _Living([segment.pks for segment in segments], deleted, _compared(segments, deleted))
        _kept.put(address, known)
    return [mask.copy() for mask in known.masks]


def _compared(segments: Sequence[Any], deleted: Numbers) -> list[Mask]:
    masks = [np.ones(segment.num_rows, np.bool_) for segment in segments]
    for one, other in combinations(range(len(segments)), 2):
        shared = segments[one].pk_to_row.keys() & segments[other].pk_to_row.keys()
        for hidden, by in ((one, other), (other, one)):
            rows = segments[by].pk_to_row
            _hide(segments[hidden], masks[hidden], ((key, int(segments[by].seqs[rows[key]])) for key in shared))
    for segment, mask in zip(segments, masks, strict=True):
        _hide(segment, mask, deleted.items())
    return masks


def _hide(segment: Any, mask: Mask, changes: Iterable[tuple[Any, int]]) -> None:
    """Take out of a mask the rows of a segment that are older than these changes."""
    for key, number in changes:
        place = segment.find_row(key)
        if place is not None and segment.seqs[place] < number:
            mask[place] = False
