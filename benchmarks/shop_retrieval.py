"""Plain questions to the demo shop over `POST /v1/search` with default settings, and to the trained embedder alone.

`before` ranks the products by the trained embedder's vectors of their images; `after` is the service, reranking and
all, with the heads that the encoder uses. Those were fitted on the shop's motifs, too; what is reached on motifs that
nothing has seen is told by the held-out products.
"""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from benchmarks.service_process import running_service
from benchmarks.terminal import err
from service.support.batches import in_batches
from starter.demo_shop import DEMO_DIR, make_shop
from starter.embedder import StarterEmbedder
from starter.training.phrases import article

PRODUCTS = 900
LEAST = 3
"""Products that a color and a kind must have for the question to be asked."""
_DEPTH = 24
"""Results asked for: more than any question here has right answers."""
_BATCH = 32
_TIMEOUT_S = 120.0
Row = dict[str, float | str | None]


@dataclass(frozen=True, slots=True)
class Question:
    """A sentence, the products that answer it, and how many of the first results count (at most as many as right)."""

    task: str
    text: str
    right: frozenset[str]
    depth: int

    def precision(self, found: Sequence[str]) -> float:
        """The share of right products among the first results."""
        depth = min(self.depth, len(self.right))
        return sum(id in self.right for id in found[:depth]) / depth


def questions(feed: Path) -> Iterator[Question]:
    """All that are asked about the shop. R-precision is precision at the number of right products."""
    with feed.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    motif = {row["id"]: row["title"].removesuffix(f" {row['category']}, {row['colour']}").lower() for row in rows}
    for color, kind in sorted({(row["colour"], row["category"]) for row in rows}):
        right = frozenset(row["id"] for row in rows if (row["colour"], row["category"]) == (color, kind))
        if len(right) >= LEAST:
            yield Question("a C T: precision@3", article(f"{color} {kind}"), right, 3)
    for name, kind in sorted({(motif[row["id"]], row["category"]) for row in rows}):
        right = frozenset(row["id"] for row in rows if (motif[row["id"]], row["category"]) == (name, kind))
        yield Question("M T: R-precision", f"{name} {kind}", right, len(right))
        yield Question("a T with a M: R-precision", f"{article(kind)} with {article(name)}", right, len(right))
    for name in sorted(set(motif.values())):
        yield Question("M: precision@5", name, frozenset(id for id in motif if motif[id] == name), 5)


def shop_rows(most: int) -> list[Row]:
    """The table: `most` questions of each kind, drawn by seed."""
    feed = make_shop(DEMO_DIR / f"shop-{PRODUCTS}", PRODUCTS)
    asked: dict[str, list[Question]] = {}
    for question in questions(feed):
        asked.setdefault(question.task, []).append(question)
    drawn = {task: random.Random(task).sample(found, min(most, len(found))) for task, found in asked.items()}
    everything = [question for found in drawn.values() for question in found]
    before = _trained(feed, everything)
    with tempfile.TemporaryDirectory() as folder, running_service(feed, Path(folder)) as service:
        after = [_served(service.url, q) for q in track(everything, "demo shop", console=err)]
    scores = {q: (one, two) for q, one, two in zip(everything, before, after, strict=True)}
    return [_row(task, [scores[question] for question in found]) for task, found in drawn.items()]


def _row(task: str, scores: list[tuple[float, float]]) -> Row:
    before, after = np.mean(scores, axis=0)
    return {"task": task, "queries": len(scores), "before": float(before), "after": float(after)}


def _served(url: str, question: Question) -> float:
    answer = httpx.post(f"{url}/v1/search", json={"text": question.text, "limit": _DEPTH}, timeout=_TIMEOUT_S)
    results = answer.raise_for_status().json()["results"]
    return question.precision([result["product"]["id"] for result in results])


def _trained(feed: Path, asked: Sequence[Question]) -> list[float]:
    """By cosine of the trained embedder's vectors: of images, and of the sentences."""
    embedder = StarterEmbedder.shipped()
    with feed.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    vectors: list[NDArray[np.float32]] = []
    for part in track(list(in_batches(rows, _BATCH)), "demo shop, before", console=err):
        images = [Image.open(feed.parent / row["image"]).convert("RGB") for row in part]
        vectors.append(embedder.encode([None] * len(images), images)[0])
    texts = [question.text for question in asked]
    found, _ = embedder.encode(texts, [None] * len(texts))
    orders = np.argsort(-(found @ np.concatenate(vectors).T), axis=1)
    return [q.precision([rows[row]["id"] for row in order]) for q, order in zip(asked, orders, strict=True)]
