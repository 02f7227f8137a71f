"""Near-duplicates shown once: the same image listed twice, or two photos of what looks like one product.

In retrieval order, a product is hidden behind the first one shown before it whose image is the same (by its hash) or
whose vector has at least a threshold's cosine with its own. The one shown names those hidden behind it, so that shown
and hidden together are all that was found. Hidden products hide nothing themselves: similarity is not transitive, and a
chain of small steps must not swallow a catalog.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from service.search.retrieval_types import CollapseOptions, Duplicate
from service.stores.store import Hit, Store, Vector


@dataclass(frozen=True, slots=True)
class Collapsed:
    """The hits that are shown, in their order, and the hidden ones behind each, by product id."""

    hits: list[Hit]
    hidden: Mapping[str, tuple[Duplicate, ...]]


def collapse(store: Store, hits: Sequence[Hit], options: CollapseOptions) -> Collapsed:
    """Hide near-duplicates. Raises StoreUnavailable: the hits' vectors are read."""
    vectors = {row.id: row.vector for row in store.fetch([hit.id for hit in hits])}
    still = [hit for hit in hits if hit.id in vectors]  # except those deleted since they were found
    return collapse_vectors(still, np.array([vectors[hit.id] for hit in still], np.float32), options.threshold)


def collapse_vectors(hits: Sequence[Hit], vectors: Vector, threshold: float) -> Collapsed:
    """The same for given vectors: [n, dimension], L2-normalized, row i of `hits[i]`."""
    shown: list[int] = []
    hidden: dict[str, list[Duplicate]] = {}
    for place, hit in enumerate(hits):
        likeness = vectors[shown] @ vectors[place]
        key = hit.product.image_key
        same = [bool(key) and hits[other].product.image_key == key for other in shown]
        alike = np.flatnonzero(np.array(same, np.bool_) | (likeness >= threshold))
        if not len(alike):
            shown.append(place)
            continue
        first = int(alike[0])
        cosine = min(1.0, float(likeness[first]))
        hidden.setdefault(hits[shown[first]].product_id, []).append(Duplicate(hit.product_id, cosine, same[first]))
    return Collapsed([hits[place] for place in shown], {id: tuple(found) for id, found in hidden.items()})
