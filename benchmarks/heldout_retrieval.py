"""Retrieval over the held-out products by three kinds of vectors, with the heads that never saw their motifs.

`trained`  the trained embedder alone, of images: what the starter's vectors were made of before the heads
`images`   the starter's vectors of images alone
`titles`   of images and titles, by hybrid search as it is set by default
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track
from torch import Tensor

from benchmarks.heldout import HeldOutProduct, HeldOutQuery
from benchmarks.terminal import err
from service.encoders.encoder import EncoderInfo
from service.product import Product
from service.search.hybrid import hybrid_options, hybrid_search
from service.search.lexical.inverted_index import LexicalIndex
from service.search.lexical.words import product_words
from service.settings import Settings
from service.stores.exact.exact_store import ExactStore
from service.stores.store import Hit, Record
from service.support.batches import in_batches
from starter.artwork import motif_names
from starter.fused import FusedEmbedder, Seen

SIDES = ("trained", "images", "titles")
DEPTH = 12
"""Products of a list; one may be that of the query's own image."""
_BATCH = 32
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Looked:
    """Vectors of the same things by both embedders."""

    trained: Tensor
    images: Tensor
    titles: Tensor | None = None


class HeldOutShop:
    """The held-out products, embedded and ready to be searched."""

    def __init__(self, embedder: FusedEmbedder, products: Sequence[HeldOutProduct]) -> None:
        """Embed all products in all three ways."""
        self.products = products
        self._embedder = embedder
        self._settings = Settings()
        parts = list(self._looked(products))
        self._trained = torch.cat([part.trained for part in parts]).numpy()
        self._images = torch.cat([part.images for part in parts]).numpy()
        titles = torch.cat([part.titles for part in parts if part.titles is not None]).numpy()
        self._store = ExactStore()
        self._words = LexicalIndex()
        self._store.ensure(EncoderInfo("starter", embedder.dimension, embedder.fingerprint, frozenset(), 64))
        records = [_record(row, product, titles[row]) for row, product in enumerate(products)]
        self._store.upsert(records)
        fields = self._settings.search.lexical_fields
        for record in records:
            product = record.product
            self._words.put(product.id, product_words(product, fields), title=product.title)

    def orders(self, asked: Sequence[HeldOutQuery]) -> dict[str, list[list[int]]]:
        """For each side and query of one task, the best rows first, without that of the query's own image."""
        looked = [self._queries(part) for part in in_batches(asked, _BATCH)]
        trained = torch.cat([part.trained for part in looked]).numpy()
        vectors = torch.cat([part.images for part in looked]).numpy()
        found = {
            "trained": _best(trained @ self._trained.T),
            "images": _best(vectors @ self._images.T),
            "titles": [
                [int(hit.product_id) for hit in self._hybrid(query.text, vector)]
                for query, vector in zip(asked, vectors, strict=True)
            ],
        }
        return {
            side: [[row for row in rows if row != query.source] for query, rows in zip(asked, lists, strict=True)]
            for side, lists in found.items()
        }

    @torch.inference_mode()
    def _looked(self, products: Sequence[HeldOutProduct]) -> Iterator[_Looked]:
        embedder = self._embedder
        for part in track(list(in_batches(products, _BATCH)), "gallery", console=err):
            seen = embedder.see([product.image for product in part])
            written = embedder.read([document(product) for product in part])
            trained = embedder.trained.vectors(seen.look)
            yield _Looked(trained, embedder.document(seen, None), embedder.document(seen, written))

    @torch.inference_mode()
    def _queries(self, asked: Sequence[HeldOutQuery]) -> _Looked:
        """The vectors of queries of one task: all have an image or none, a text or none."""
        texts = [query.text for query in asked if query.text is not None]
        images: list[Image.Image] = [query.image for query in asked if query.image is not None]
        seen: Seen | None = self._embedder.see(images) if images else None
        written = self._embedder.read(texts) if texts else None
        ids, mask = (written.ids, written.mask) if written else (None, None)
        trained = self._embedder.trained.compose(seen.look.tokens if seen else None, ids, mask)
        return _Looked(trained, self._embedder.query(seen, written))

    def scored(self, query: HeldOutQuery) -> list[tuple[int, float]]:
        """The best rows by `titles` with their scores, best first, without that of the query's own image."""
        (vector,) = self._queries([query]).images.numpy()
        hits = self._hybrid(query.text, vector)
        return [(int(hit.product_id), hit.order_score) for hit in hits if int(hit.product_id) != query.source]

    def _hybrid(self, text: str | None, vector: Vectors) -> Sequence[Hit]:
        options = hybrid_options(self._settings.search.hybrid_defaults(), text)
        if options is None or text is None:
            return self._store.search(vector, limit=DEPTH)
        matched = self._words.score(text)
        return hybrid_search(self._store, matched, vector, options, limit=DEPTH, filter=None)


def title(product: HeldOutProduct) -> str:
    """As the demo shop writes it: "Leopard mug, red"."""
    return f"{motif_names()[product.motif].capitalize()} {product.kind}, {product.colour}"


def document(product: HeldOutProduct) -> str:
    """The words of a product: title and category."""
    return f"{title(product)} {product.kind}"


def _record(row: int, product: HeldOutProduct, vector: Vectors) -> Record:
    words = {"title": title(product), "category": product.kind, "attributes": {"colour": product.colour}}
    return Record(str(row), Product(id=str(row), image_key=str(row), **words), vector, str(row), 0)


def _best(scores: Vectors) -> list[list[int]]:
    return [[int(row) for row in order] for order in np.argsort(-scores, axis=1)[:, :DEPTH]]
