"""Lists to rank as retrieval gives them: a sampled gallery, five kinds of queries, the embedder's top nine, grades."""

import random
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from starter.embedder import StarterEmbedder
from starter.training.pictures import BatchSampler, Pictures, Query, kept_for_reranker

LIST = 9
_GALLERY_CONCEPTS = 200
_PADDED_IN, _SHUFFLED, _SHORT = 0.5, 0.25, 0.15


@dataclass(frozen=True, slots=True)
class RankedList:
    """A query (and the row of its own target), the rows of its candidates in the order shown, and their grades 0…3."""

    query: Query
    composed: Tensor
    written: Tensor | None
    rows: list[int]
    grades: list[int]


def grade(query: Query, pictures: Pictures, row: int) -> int:
    """3: everything asked for; 2: all but the colour; 1: the kind or the motif alone; 0: neither."""
    picture, concept = pictures.rows[row], pictures.concept_of(row)
    if query.accepts(concept, picture):
        return 3
    if concept == query.concept and query.kind == picture.kind:
        return 2
    return int(query.kind is not None and (concept == query.concept or picture.kind == query.kind))


@torch.no_grad()
def picture_vectors(embedder: StarterEmbedder, pictures: Pictures) -> NDArray[np.float32]:
    """The embedder's vectors of all pictures of a split: [pictures, 384]."""
    chunks = [list(range(start, min(start + 64, len(pictures.rows)))) for start in range(0, len(pictures.rows), 64)]
    tokens = (embedder.image_tokens(pictures.cells(rows)) for rows in track(chunks, "vectors"))
    return np.concatenate([embedder.composer(one, None, None).numpy() for one in tokens])


class ListSampler:
    """Samples batches of lists; over half of a gallery's concepts are ones that the embedder has not seen."""

    def __init__(self, embedder: StarterEmbedder, pictures: Pictures, vectors: NDArray[np.float32], seed: int) -> None:
        self.embedder, self.pictures, self.vectors = embedder, pictures, vectors
        self.rng = random.Random(seed)
        self.queries = BatchSampler(pictures, 1, seed + 1)
        usable = [c for c, found in pictures.concepts.items() if found.products and found.motifs]
        fresh = [c for c in usable if kept_for_reranker(c)]
        self._pools = (fresh or usable, usable)

    def _gallery(self) -> tuple[list[int], list[int]]:
        """Rows of the gallery's products, and those among them that may be a query's target."""
        fresh = min(len(self._pools[0]), _GALLERY_CONCEPTS * 6 // 10)
        concepts = self.rng.sample(self._pools[0], fresh)
        concepts += self.rng.sample(self._pools[1], min(len(self._pools[1]), _GALLERY_CONCEPTS - fresh))
        style = self.rng.choice(("fluent", "twemoji", "noto", "openmoji", None))
        rows = []
        for concept in dict.fromkeys(concepts):
            own = self.pictures.concepts[concept].products
            rows += [r for r in own if style is None or self.pictures.art_of(r).style in (style, "clipart")]
        emoji = [row for row in rows if self.pictures.art_of(row).style != "clipart"]
        return rows, emoji or rows

    def sample(self, count: int) -> list[RankedList]:
        """``count`` lists over one gallery; three quarters of the queries are about emoji, the rest about any motif."""
        gallery, emoji = self._gallery()
        targets = [self.rng.choice(emoji if self.rng.random() < 0.75 else gallery) for _ in range(count)]
        queries = [self.queries.query(target) for target in targets]
        return [self._list(query, target, gallery) for query, target in zip(queries, targets, strict=True)]

    @torch.no_grad()
    def _encode(self, query: Query) -> tuple[Tensor, Tensor | None]:
        own = None if query.picture is None else torch.from_numpy(self.vectors[query.picture])
        if query.text is None:
            assert own is not None
            return own, None
        ids, mask, _ = self.embedder.tokenize([query.text])
        written = self.embedder.composer(None, ids, mask)[0]
        if query.picture is None:
            return written, written
        tokens = self.embedder.image_tokens(self.pictures.cells([query.picture]))
        return self.embedder.composer(tokens, ids, mask)[0], written

    def _list(self, query: Query, target: int, gallery: list[int]) -> RankedList:
        composed, written = self._encode(query)
        scores = self.vectors[gallery] @ composed.numpy()
        order = [gallery[k] for k in np.argsort(-scores)[: LIST + 1] if gallery[k] != query.picture][:LIST]
        if target not in order and self.rng.random() < _PADDED_IN:
            order[self.rng.randrange(len(order))] = target
        if self.rng.random() < _SHORT:
            order = order[: self.rng.randint(2, LIST)]
        if self.rng.random() < _SHUFFLED:
            self.rng.shuffle(order)
        return RankedList(query, composed, written, order, [grade(query, self.pictures, row) for row in order])
