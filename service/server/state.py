"""What a running service consists of, as its routes and the command line use it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from rerank.engines.engine import Closable
from service.catalog.documents import Documents
from service.catalog.products import Products
from service.encoders.encoder import Encoder
from service.images.sources import ImageLoader
from service.images.store.image_store import ImageStore
from service.search.lexical.catalog_words import CatalogWords
from service.search.pipeline import SearchPipeline
from service.search.reranking.stage import RerankStage
from service.search.rules.book import RuleBook
from service.stores.store import Store
from service.support.once import Once


@dataclass(slots=True, kw_only=True)
class ServiceState:
    """Models, stores and what works with them, alive together. Made by `service.build`; close it at the end.

    The store may be away when the service starts: it is prepared on the first call of `ready` that finds it.
    `may_use` raises where the store must not be used; `reads_words`: searches need the words of all products.
    """

    encoder: Encoder
    documents: Documents
    store: Store
    images: ImageStore
    image_loader: ImageLoader
    words: CatalogWords
    rerank: RerankStage
    pipeline: SearchPipeline
    products: Products
    rules: RuleBook
    reads_words: bool
    may_use: Callable[[], None]
    _prepared: Once = field(default_factory=Once)

    def ready(self) -> Self:
        """Itself, when the collection exists and was made by this encoder.

        Raises:
            StoreUnavailable, EncoderMismatch: from the store.
        """
        self._prepared.run(self._prepare)
        return self

    def _prepare(self) -> None:
        self.may_use()
        self.documents.bind(self.store)

    def warm(self) -> None:
        """Begin in the background what searches would wait for."""
        if self.reads_words:
            self.words.warm()

    def check(self) -> int:
        """The number of rows that can be searched, or the error that says why none can."""
        self.ready().store.ping()
        return self.store.count()

    def close(self) -> None:
        """Close the encoder's thread, the engine's connections and, even if one of these fails, the store."""
        with ExitStack() as closing:
            closing.callback(self.store.close)
            closing.callback(self.words.close)
            closing.callback(self.rerank.close)
            closing.callback(self.pipeline.close)
            if isinstance(self.encoder, Closable):
                closing.callback(self.encoder.close)
