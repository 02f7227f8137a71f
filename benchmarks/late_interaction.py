"""`python -m benchmarks.late_interaction`: ranking by stored features against ranking by images.

Nine products of each query are ranked by the bundled engine: by their images, as decoded from files, and by the
features that were extracted of them, as read from an image store. The query's own image has been encoded before in both
cases, as in a search. Then products are encoded as documents, alone and with their features. Times are processor time,
in turns.
"""

from __future__ import annotations

import io
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from benchmarks.report import Report, Sheet, Value
from rerank.engines.engine import EngineRequest
from service.images.store.image_store import ImageStore
from starter.artwork import motif, motif_names
from starter.engine_adapter import StarterEngine
from starter.fused import FusedEmbedder
from starter.rendering import KINDS, render_motif, render_product
from starter.vlm import StarterVLM

TEXT, LABELS = "a mug with this", tuple("ABCDEFGHI")
MOST_RANKING, MOST_INDEXING = 0.2, 1.05
Row = dict[str, Value]


class Shop:
    """Rendered products in an image store, and the bundled models, which keep nothing between calls."""

    def __init__(self, folder: Path, products: int) -> None:
        self._embedder = FusedEmbedder.load()
        self._vlm = StarterVLM.load(embedder=self._embedder.trained)
        self._engine = StarterEngine(self._vlm, cache_size=0)
        self._images, self._rng = ImageStore(folder), random.Random(4)
        self._codes = self._rng.sample(sorted(motif_names()), products)
        self._stored = self._images.features(self._engine.features)
        self.keys = [self._images.put(self._product(code)) for code in self._codes]
        for key, features in zip(self.keys, self._engine.extract(self._open(self.keys)), strict=True):
            self._stored.keep(key, features)

    @property
    def feature_bytes(self) -> int:
        """Of one image's features."""
        return self._engine.features.size

    def query(self) -> Image.Image:
        """A motif in a style that the products are not printed in, after it was encoded."""
        image = render_motif(motif("noto", self._rng.choice(self._codes)), self._rng, pixels=320)
        self._embedder.encode([TEXT], [image], ["query"])
        return image

    def by_images(self, query: Image.Image, keys: Sequence[str]) -> None:
        """Rank with all that it takes to look at the candidates."""
        self._engine.generate(EngineRequest(TEXT, (query, *self._open(keys)), LABELS))

    def by_features(self, query: Image.Image, keys: Sequence[str]) -> None:
        """Rank with all that it takes to read their features."""
        features, blank = map(self._stored.read, keys), Image.new("RGB", (8, 8))
        images = (query, *[blank] * len(keys))
        self._engine.generate(EngineRequest(TEXT, images, LABELS, features=(None, *features)))

    def documents(self, keys: Sequence[str], *, features: bool) -> None:
        """Encode products as an ingest does."""
        images = self._open(keys)
        if features:
            self._vlm.features.extract(images, keep=True)
        self._embedder.encode(["a mug"] * len(images), images, ["document"] * len(images))

    def _product(self, code: str) -> bytes:
        buffer = io.BytesIO()
        kind = self._rng.choice(list(KINDS))
        render_product(kind, "white", motif("fluent", code), self._rng).save(buffer, "JPEG", quality=90)
        return buffer.getvalue()

    def _open(self, keys: Sequence[str]) -> list[Image.Image]:
        return [self._images.rendition(key).image for key in keys]


def cpu_ms(work: Callable[[], None]) -> float:
    """Processor time of all threads, milliseconds."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def ranking(shop: Shop, runs: int) -> Row:
    """One row: the median of so many queries, each for itself."""
    images, features = [], []
    for _ in range(runs):
        query, other = shop.query(), shop.query()
        images.append(cpu_ms(lambda query=query: shop.by_images(query, shop.keys[:9])))  # type: ignore[misc]
        features.append(cpu_ms(lambda query=other: shop.by_features(query, shop.keys[:9])))  # type: ignore[misc]
    return _row("rank nine products", images[1:], features[1:])


def indexing(shop: Shop, runs: int) -> Row:
    """One row: the median of so many batches, for each product."""
    alone, both = [], []
    for _ in range(runs):
        alone.append(cpu_ms(lambda: shop.documents(shop.keys, features=False)) / len(shop.keys))
        both.append(cpu_ms(lambda: shop.documents(shop.keys, features=True)) / len(shop.keys))
    return _row("index a product", alone[1:], both[1:])


def _row(name: str, without: Sequence[float], having: Sequence[float]) -> Row:
    one, other = statistics.median(without), statistics.median(having)
    return {"what": name, "without features, ms": one, "with features, ms": other, "ratio": other / one}


def main(
    runs: Annotated[int, typer.Option(min=2, help="Queries, and batches of products; the first is not counted.")] = 21,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure; ends with 1 if a target is missed."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder), 32)
        rows = [ranking(shop, runs), indexing(shop, runs)]
    notes = [
        f"Features take {shop.feature_bytes:,} bytes an image. Aims: a ratio of at most {MOST_RANKING} for ranking and "
        f"{MOST_INDEXING} for indexing."
    ]
    formats = {"without features, ms": ".1f", "with features, ms": ".1f", "ratio": ".3f"}
    Report([Sheet("Processor time without and with stored features", rows, formats)], notes).show(as_json=json)
    if any(float(row["ratio"] or 0) > most for row, most in zip(rows, (MOST_RANKING, MOST_INDEXING), strict=True)):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
