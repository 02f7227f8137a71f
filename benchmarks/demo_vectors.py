"""Vectors of the demo's distribution, as many as a benchmark needs, and composed queries to search them with.

The first ones are real: products of the demo shop, each redrawn, so that no two images are equal, through the
encoder. Drawing and encoding tens of thousands takes an hour on two cores, so the others are a real vector plus the
difference between another real one and one of its nearest neighbors, L2-normalized. That keeps what an index feels:
the clusters, and how far apart neighbors are in each direction. Noise that is the same in all directions would make
every point as far from every other, which is unlike a catalog.

Queries are composed: artwork of the shop's motifs in the style that its products are not printed in, and a sentence,
"a KIND with this".
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from rich.progress import track

from benchmarks.terminal import err
from rerank.query import Query
from service.encoders.encoder import Encoder
from service.stores.store import Vector
from service.support.batches import in_batches
from starter.artwork import motif, motif_names
from starter.catalogue import DemoProduct, demo_products
from starter.rendering import KINDS, render_motif

_QUERY_STYLE = "noto"
_BATCH = 32
_NEIGHBORS = 10


def demo_vectors(encoder: Encoder, products: int, queries: int) -> tuple[Vector, Vector]:
    """Vectors of so many products and composed queries: float32 [n, dimension], L2-normalized."""
    rows: list[DemoProduct] = []

    def images() -> Iterable[Query]:
        for row, image in demo_products(products):
            rows.append(row)
            yield Query(image=image, role="document")

    vectors = _encode(encoder, track(images(), "products", total=products, console=err))
    return vectors, _encode(encoder, track(_queries(_motifs(rows), queries), "queries", total=queries, console=err))


def spread(real: Vector, count: int, seed: int = 5) -> Vector:
    """The first `count` of `real` and further vectors around them, float32 [count, dimension], L2-normalized."""
    dice = np.random.default_rng(seed)
    further = count - len(real)
    if further <= 0:
        return real[:count]
    others = dice.integers(len(real), size=further)
    steps = real[_neighbors(real, others, dice)] - real[others]
    bases = (others + dice.integers(1, len(real), size=further)) % len(real)  # never the same: that gives a real one
    made = real[bases] + steps
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return np.concatenate([real, made]).astype(np.float32)


def _neighbors(real: Vector, rows: npt.NDArray[np.int64], dice: np.random.Generator) -> npt.NDArray[np.int64]:
    """For each of these rows the place of one of its nearest others."""
    nearest = np.stack([np.argsort(-(real @ vector))[1 : _NEIGHBORS + 1] for vector in real])
    found: npt.NDArray[np.int64] = nearest[rows, dice.integers(nearest.shape[1], size=len(rows))]
    return found


def _motifs(rows: Iterable[DemoProduct]) -> list[str]:
    """The codes of the motifs that are in the shop."""
    codes = {name.capitalize(): code for code, name in motif_names().items()}
    return sorted({codes[row.title.removesuffix(f" {row.category}, {row.colour}")] for row in rows})


def _queries(codes: list[str], count: int) -> Iterable[Query]:
    dice = random.Random(11)
    for _ in range(count):
        image = render_motif(motif(_QUERY_STYLE, dice.choice(codes)), dice, pixels=320)
        yield Query(f"a {dice.choice(list(KINDS))} with this", image)


def _encode(encoder: Encoder, queries: Iterable[Query]) -> Vector:
    """Batch by batch: the images of a whole shop would not fit into memory."""
    return np.concatenate([encoder.encode(batch).vectors for batch in in_batches(queries, _BATCH)])
