"""The training images, looked up by what they show, and the sampling of contrastive batches from them."""

import random
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from starter.training import phrases
from starter.training.artwork import Artwork, read_index
from starter.training.features import DrawnImage, load_features
from starter.views import Views


@dataclass(slots=True)
class Concept:
    """Everything there is of one concept: rows of its motif and product images, and its names by artwork."""

    motifs: list[int] = field(default_factory=list)
    products: list[int] = field(default_factory=list)


class TrainingImages:
    """Features and labels of one split."""

    def __init__(self, art_root: Path, feature_root: Path) -> None:
        self.art: list[Artwork] = read_index(art_root)
        self.features: NDArray[np.float16]
        self.rows: list[DrawnImage]
        self.features, self.rows = load_features(feature_root)
        self.concepts: dict[str, Concept] = defaultdict(Concept)
        for row, image in enumerate(self.rows):
            concept = self.concepts[self.concept_of(row)]
            (concept.motifs if image.kind is None else concept.products).append(row)

    def art_of(self, row: int) -> Artwork:
        """The artwork that image `row` shows."""
        return self.art[self.rows[row].art]

    def concept_of(self, row: int) -> str:
        """The concept that image `row` shows."""
        return self.art_of(row).concept

    def name(self, row: int, rng: random.Random) -> str:
        """A name of what image `row` shows: mostly the first, at times another."""
        names = self.art_of(row).names
        return names[0] if rng.random() < 0.75 else rng.choice(names[:4])

    def views(self, rows: list[int]) -> Views:
        """Features of the images in both views, float32 [n, 49, 1280] each."""
        return Views(*_floats(self.features[np.asarray(rows)]).unbind(1))

    def cells(self, rows: list[int], closer: float, rng: random.Random) -> Tensor:
        """Features of one view of each image, float32 [n, 49, 1280]: of its middle with chance `closer`."""
        views = [int(rng.random() < closer) for _ in rows]
        return _floats(self.features[np.asarray(rows), np.asarray(views)])


def _floats(features: NDArray[np.float16]) -> Tensor:
    return torch.from_numpy(features.astype(np.float32))


def kept_for_reranker(concept: str) -> bool:
    """Whether the embedder never sees this training concept.

    The reranker learns from lists that the embedder retrieves. On concepts that the embedder was trained on, these
    lists are better than they will ever be in use; on this seventh they are as on new concepts.
    """
    return zlib.crc32(concept.encode()) % 7 == 0


def look_alikes(images: TrainingImages, concepts: list[str], count: int = 8) -> dict[str, list[str]]:
    """Of each concept the `count` others whose motif images have the nearest mean backbone feature (cosine)."""
    means = np.stack([images.features[images.concepts[c].motifs[:8], 0].mean((0, 1), np.float32) for c in concepts])
    units = torch.nn.functional.normalize(torch.from_numpy(means - means.mean(0)), dim=1)
    nearest = (units @ units.T).fill_diagonal_(-1).topk(min(count, len(concepts) - 1)).indices.tolist()
    return {concept: [concepts[k] for k in row] for concept, row in zip(concepts, nearest, strict=True)}


@dataclass(slots=True)
class Query:
    """One training query and what a target must satisfy to answer it."""

    image: int | None
    text: str | None
    concept: str
    kind: str | None
    colour: str | None

    def accepts(self, concept: str, image: DrawnImage) -> bool:
        """Whether a product answers this query as well as its own target does."""
        return concept == self.concept and self.kind in (None, image.kind) and self.colour in (None, image.colour)


class BatchSampler:
    """Samples targets (several products of each of a few concepts) and one query of a random task for each.

    Several products a concept make the other kinds of the same motif hard negatives; many concepts make the other
    motifs on the same kind hard negatives, and half of the emoji concepts bring some that look like them.
    """

    TASKS = ("composed", "text", "swap", "recolour", "image")
    WEIGHTS = (0.34, 0.29, 0.21, 0.05, 0.11)

    def __init__(self, images: TrainingImages, targets: int, seed: int) -> None:
        self.images, self.targets, self.rng = images, targets, random.Random(seed)
        seen = {c: found for c, found in images.concepts.items() if not kept_for_reranker(c)}
        emoji = [c for c, found in seen.items() if len(found.products) > 3]
        other = [c for c, found in seen.items() if len(found.products) <= 3]
        self._pools, self._shares = (emoji, other or emoji), (0.6, 0.4)
        self._alike = look_alikes(images, emoji)

    def sample(self) -> tuple[list[int], list[Query]]:
        """Rows of the targets and their queries, in the same order."""
        rows: list[int] = []
        seen: set[str] = set()
        while len(rows) < self.targets:
            for concept in self._draw():
                products = self.images.concepts[concept].products
                if concept not in seen:
                    seen.add(concept)
                    rows += self.rng.sample(products, min(4, len(products), self.targets - len(rows)))
        return rows, [self.query(row) for row in rows]

    def _draw(self) -> list[str]:
        """A random concept, at times with three that look like it."""
        concept = self.rng.choice(self.rng.choices(self._pools, self._shares)[0])
        alike = self._alike.get(concept)
        return [concept, *self.rng.sample(alike, 3)] if alike and self.rng.random() < 0.5 else [concept]

    def query(self, target: int) -> Query:
        """A query of a random task that `target` answers."""
        task = self.rng.choices(self.TASKS, self.WEIGHTS)[0]
        return getattr(self, f"_{task}")(target) or self._composed(target)

    def _colour(self, target: int, chance: float) -> str | None:
        return self.images.rows[target].colour if self.rng.random() < chance else None

    def _near(self, rows: list[int], target: int, same_art: float) -> int | None:
        """One of `rows`: with chance `same_art` in the target's own style, else in any."""
        art = self.images.rows[target].art
        own = [row for row in rows if self.images.rows[row].art == art]
        if own and self.rng.random() < same_art:
            return self.rng.choice(own)
        return self.rng.choice(rows) if rows else None

    def _motif(self, target: int) -> int | None:
        return self._near(self.images.concepts[self.images.concept_of(target)].motifs, target, 0.3)

    def _composed(self, target: int) -> Query:
        kind, colour = self.images.rows[target].kind, self._colour(target, 0.35)
        text = phrases.composed(str(kind), colour, self.rng)
        return Query(self._motif(target), text, self.images.concept_of(target), kind, colour)

    def _text(self, target: int) -> Query:
        kind, colour = self.images.rows[target].kind, self._colour(target, 0.4)
        text = phrases.text_only(str(kind), colour, self.images.name(target, self.rng), self.rng)
        return Query(None, text, self.images.concept_of(target), kind, colour)

    def _swap(self, target: int) -> Query | None:
        concept, wanted = self.images.concept_of(target), self.images.rows[target]
        others = [r for r in self.images.concepts[concept].products if self.images.rows[r].kind != wanted.kind]
        source, colour = self._near(others, target, 0.7), self._colour(target, 0.3)
        if source is None:
            return None
        return Query(source, phrases.swapped(str(wanted.kind), colour, self.rng), concept, wanted.kind, colour)

    def _recolour(self, target: int) -> Query | None:
        concept, wanted = self.images.concept_of(target), self.images.rows[target]
        others = [
            row for row in self.images.concepts[concept].products
            if self.images.rows[row].kind == wanted.kind and self.images.rows[row].colour != wanted.colour
        ]  # fmt: skip
        if not others:
            return None
        text = phrases.recoloured(str(wanted.colour), self.rng)
        return Query(self.rng.choice(others), text, concept, wanted.kind, wanted.colour)

    def _image(self, target: int) -> Query:
        return Query(self._motif(target), None, self.images.concept_of(target), None, None)
