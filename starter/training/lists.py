"""Lists to rank, as in retrieval: a sampled gallery, five kinds of queries, the embedder's top nine, grades."""

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch import Tensor

from starter.embedder import StarterEmbedder
from starter.training.icon_sets import NAMED_SET
from starter.training.training_images import BatchSampler, Query, TrainingImages, kept_for_reranker
from starter.views import Views
from starter.vlm.eyes import Eyes
from starter.vlm.sequence import Candidates, Shown

LIST = 9
_GALLERY_CONCEPTS = 200
_PADDED_IN, _SHUFFLED, _SHORT = 0.5, 0.25, 0.15
_NAMED = ("clipart", NAMED_SET)
"""Styles that are no emoji."""
_STRANGERS = 0.4
"""Share of lists in which some candidates are not from retrieval: lists may come from elsewhere, too."""


@dataclass(frozen=True, slots=True)
class RankedList:
    """A query (and the row of its own target), the rows of its candidates in the order shown, and their grades 0…3."""

    query: Query
    composed: Tensor
    written: Tensor | None
    rows: list[int]
    grades: list[int]


def grade(query: Query, images: TrainingImages, row: int) -> int:
    """3: everything requested; 2: all but the color; 1: the kind or the motif alone; 0: neither."""
    image, concept = images.rows[row], images.concept_of(row)
    if query.accepts(concept, image):
        return 3
    if concept == query.concept and query.kind == image.kind:
        return 2
    return int(query.kind is not None and (concept == query.concept or image.kind == query.kind))


class Sights:
    """What the embedder makes of every image of a split, computed once and kept next to the features."""

    def __init__(self, embedder: StarterEmbedder, images: TrainingImages, root: Path) -> None:
        path = root / f"sights-{embedder.fingerprint}.safetensors"
        if not path.exists():
            tokens, vectors = _look(embedder, images)
            save_file({"tokens": tokens, "vectors": vectors}, path)
        kept = load_file(path)
        self.images = images
        self.tokens, self.vectors = kept["tokens"], kept["vectors"]

    def read(self, rows: list[int]) -> Views:
        """The image tokens of the images."""
        return Views(*self.tokens[rows].float().unbind(1))

    def shown(self, rows: list[int], eyes: Eyes) -> Shown:
        """The images of `rows` as queries; gradients flow into `eyes`."""
        cells = self.images.views(rows)
        return Shown(eyes.see(cells, self.read(rows)), self.vectors[rows])

    def offered(self, rows: list[int], eyes: Eyes) -> Candidates:
        """The images of `rows` as candidates; gradients flow into `eyes`."""
        details = eyes.details(self.images.views(rows).middle)
        return Candidates(eyes.show_tokens(self.read(rows).whole), details, self.vectors[rows])


@torch.no_grad()
def _look(embedder: StarterEmbedder, images: TrainingImages) -> tuple[Tensor, Tensor]:
    """Image tokens of both views, float16 [images, 2, 8, 384], and vectors float32 [images, 384]."""
    tokens, vectors = [], []
    for start in track(range(0, len(images.rows), 64), "sights"):
        with torch.autocast("cpu", torch.bfloat16):
            read = embedder.read(images.views(list(range(start, min(start + 64, len(images.rows))))))
            vectors.append(embedder.compose(read, None, None).float())
        tokens.append(torch.stack((read.whole, read.middle), 1).half())
    return torch.cat(tokens), torch.cat(vectors)


class ListSampler:
    """Samples batches of lists; over half of a gallery's concepts are ones that the embedder has not seen."""

    def __init__(self, embedder: StarterEmbedder, sights: Sights, seed: int) -> None:
        self.embedder, self.sights, self.images = embedder, sights, sights.images
        self.rng = random.Random(seed)
        self.queries = BatchSampler(self.images, 1, seed + 1)
        usable = [c for c, found in self.images.concepts.items() if found.products and found.motifs]
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
            own = self.images.concepts[concept].products
            rows += [r for r in own if style is None or self.images.art_of(r).style in (style, *_NAMED)]
        emoji = [row for row in rows if self.images.art_of(row).style not in _NAMED]
        return rows, emoji or rows

    def sample(self, count: int) -> list[RankedList]:
        """`count` lists over one gallery; three quarters of the queries are about emoji, the rest about any motif."""
        gallery, emoji = self._gallery()
        targets = [self.rng.choice(emoji if self.rng.random() < 0.75 else gallery) for _ in range(count)]
        queries = [self.queries.query(target) for target in targets]
        known = zip(queries, targets, self._encode(queries), strict=True)
        return [self._list(query, target, gallery, encoded) for query, target, encoded in known]

    @torch.no_grad()
    def _encode(self, queries: list[Query]) -> list[tuple[Tensor, Tensor | None]]:
        """Composed and text vectors of each query, one pass a kind."""
        found: list[tuple[Tensor, Tensor | None]] = [(self.sights.vectors[q.image or 0], None) for q in queries]
        written = [row for row, query in enumerate(queries) if query.text is not None]
        ids, mask, _ = self.embedder.tokenize([queries[row].text or "" for row in written])
        texts = self.embedder.compose(None, ids, mask)
        shown = [place for place, row in enumerate(written) if queries[row].image is not None]
        tokens = self.sights.read([queries[written[place]].image or 0 for place in shown])
        composed = texts.clone()
        composed[shown] = self.embedder.compose(tokens, ids[shown], mask[shown])
        for place, row in enumerate(written):
            found[row] = (composed[place], texts[place])
        return found

    def _list(self, query: Query, target: int, gallery: list[int], encoded: tuple[Tensor, Tensor | None]) -> RankedList:
        scores = self.sights.vectors[gallery] @ encoded[0]
        best = scores.topk(min(LIST + 1, len(gallery))).indices.tolist()
        order = [gallery[k] for k in best if gallery[k] != query.image][:LIST]
        if target not in order and self.rng.random() < _PADDED_IN:
            order[self.rng.randrange(len(order))] = target
        if self.rng.random() < _STRANGERS:
            for place in self.rng.sample(range(len(order)), min(len(order) - 1, self.rng.randint(1, 6))):
                order[place] = order[place] if order[place] == target else self.rng.choice(gallery)
        if self.rng.random() < _SHORT:
            order = order[: self.rng.randint(2, LIST)]
        if self.rng.random() < _SHUFFLED:
            self.rng.shuffle(order)
        return RankedList(query, *encoded, order, [grade(query, self.images, row) for row in order])
