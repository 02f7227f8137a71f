"""Retrieval of real photographs by images and by words, from images alone; see `starter.training.photos` for the split.

Clothing has ten classes, of photographs by many people; groceries 81, as seen in shops. The heads were fitted on the
training part of both; queries and gallery are of the other parts. Of the groceries' studio images, one a class, those
of the training part were among what the heads were fitted on; the photographs that ask for them were not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.terminal import err
from service.support.batches import in_batches
from starter.fused import FusedEmbedder
from starter.training.photos import CLOTHING, GROCERY, ICONIC, Photo, open_photo, read_photos
from starter.training.phrases import article

Vectors = NDArray[np.float32]
Row = dict[str, float | str | None]
_BATCH = 32
_PLURAL = frozenset({"pants", "shoes", "shorts"})


class Photos:
    """Photographs and their vectors: as queries and as documents, by the trained embedder alone and with the heads."""

    def __init__(self, embedder: FusedEmbedder, folder: Path) -> None:
        """Embed all that are not for fitting, and the studio images."""
        self._embedder = embedder
        self._photos = [photo for photo in read_photos(folder) if photo.part != "train" or photo.source == ICONIC]
        parts = [
            self._looked(folder, part)
            for part in track(list(in_batches(self._photos, _BATCH)), "photographs", console=err)
        ]
        self._trained, self._queries, self._documents = (np.concatenate(part) for part in zip(*parts, strict=True))

    def rows(self) -> list[Row]:
        """The table."""
        clothes, garments = self._of(CLOTHING, "query"), self._of(CLOTHING, "gallery")
        fruit, studio = self._of(GROCERY, "query") + self._of(GROCERY, "gallery"), self._of(ICONIC)
        return [
            self._by_image("clothing: image to images of its class", clothes, garments),
            self._by_image("groceries: photograph to studio image", fruit, studio),
            self._by_words("clothing: words to images of the class", garments),
        ]

    @torch.inference_mode()
    def _looked(self, folder: Path, photos: Sequence[Photo]) -> tuple[Vectors, Vectors, Vectors]:
        seen = self._embedder.see([open_photo(folder, photo) for photo in photos])
        trained = self._embedder.trained.vectors(seen.look)
        query, document = (make(seen, None) for make in (self._embedder.query, self._embedder.document))
        return trained.numpy(), query.numpy(), document.numpy()

    def _of(self, source: str, part: str | None = None) -> list[int]:
        return [i for i, photo in enumerate(self._photos) if photo.source == source and part in (None, photo.part)]

    def _labels(self, places: list[int]) -> NDArray[np.str_]:
        return np.array([self._photos[place].label for place in places])

    def _by_image(self, task: str, asked: list[int], gallery: list[int]) -> Row:
        before = self._trained[asked] @ self._trained[gallery].T
        after = self._queries[asked] @ self._documents[gallery].T
        return _row(task, before, after, self._labels(asked), self._labels(gallery))

    def _by_words(self, task: str, gallery: list[int]) -> Row:
        classes = sorted(set(self._labels(gallery).tolist()))
        texts = [name if name in _PLURAL else article(name) for name in classes]
        none = [None] * len(texts)
        trained, _ = self._embedder.trained.encode(texts, none)
        queries, _ = self._embedder.encode(texts, none, ["query"] * len(texts))
        before, after = trained @ self._trained[gallery].T, queries @ self._documents[gallery].T
        return _row(task, before, after, np.array(classes), self._labels(gallery))


def _row(task: str, before: Vectors, after: Vectors, asked: NDArray[np.str_], gallery: NDArray[np.str_]) -> Row:
    """The class asked for first, and the share of it among the first ten."""
    row: Row = {"task": task, "queries": len(asked)}
    for name, scores in (("before", before), ("after", after)):
        hits = gallery[np.argsort(-scores, axis=1)[:, :10]] == asked[:, None]
        row |= {f"first right {name}": float(hits[:, 0].mean()), f"P@10 {name}": float(hits.mean())}
    order = ("task", "queries", "first right before", "first right after", "P@10 before", "P@10 after")
    return {column: row[column] for column in order}
