"""Judged queries as training examples: the query's embedding and a pool of documents with their gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.lab.judged import LabQuery
from service.stores.store import Record, Vector

HARD = 200
"""Documents nearest to a query that join its pool: the negatives that retrieval confuses with what is right."""
NONE = -1
"""Fills the rows of a pool that is smaller than others."""


@dataclass(frozen=True, eq=False)
class Examples:
    """`queries` float32 [n, dimension]; `pools` int64 [n, size], places in `documents`, or `NONE`; `gains` float32 [n,
    size]; `documents` float32 [m, dimension]. `units` says what counts as one query.
    """

    units: tuple[str, ...]
    queries: Vector
    pools: NDArray[np.int64]
    gains: Vector
    documents: Vector

    def of(self, units: frozenset[str]) -> Examples:
        """Those of some units."""
        rows = np.array([place for place, unit in enumerate(self.units) if unit in units], np.int64)
        kept = tuple(self.units[place] for place in rows)
        return Examples(kept, self.queries[rows], self.pools[rows], self.gains[rows], self.documents)


def new_examples(
    queries: Sequence[LabQuery],
    vectors: Vector,
    records: Sequence[Record],
    judgments: Mapping[str, Mapping[str, int]],
) -> Examples:
    """Examples of all queries of which something is relevant. As for nDCG, the gain is the grade, and 0 below it."""
    documents = np.stack([record.vector for record in records])
    places = {record.product_id: place for place, record in enumerate(records)}
    found = [
        (query, vector, _pool(query, vector, documents, places, judgments[query.id]))
        for query, vector in zip(queries, vectors, strict=True)
        if max(judgments.get(query.id, {}).values(), default=0) > 0
    ]
    size = max((len(pool) for _, _, pool in found), default=1)
    pools = np.full((len(found), size), NONE, np.int64)
    gains = np.zeros((len(found), size), np.float32)
    for row, (_, _, pool) in enumerate(found):
        pools[row, : len(pool)] = list(pool)
        gains[row, : len(pool)] = list(pool.values())
    kept = np.stack([vector for _, vector, _ in found]) if found else np.zeros((0, documents.shape[1]), np.float32)
    return Examples(tuple(query.unit for query, _, _ in found), kept, pools, gains, documents)


def _pool(
    query: LabQuery, vector: Vector, documents: Vector, places: Mapping[str, int], grades: Mapping[str, int]
) -> dict[int, float]:
    """Place of a document → its gain, for what was judged and for what is nearest."""
    allowed = places.keys() if query.gallery is None else places.keys() & set(query.gallery)
    left_out = {places[id] for id in query.excluded if id in places}
    near = np.argsort(-(documents @ vector), kind="stable")[: HARD + len(left_out)]
    pool = dict.fromkeys(map(int, near), 0.0) | {
        places[id]: float(max(0, grade)) for id, grade in grades.items() if id in allowed
    }
    among = pool.keys() if query.gallery is None else {places[id] for id in allowed}
    return {place: gain for place, gain in pool.items() if place in among and place not in left_out}
