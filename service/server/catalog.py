"""One catalog of a running service: its products, what searches them, and the models that it shares with others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

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
from service.wire.catalogs import DEFAULT_CATALOG, catalog_path


@dataclass(slots=True, kw_only=True)
class Catalog:
    """A store and what works with it, alive together. Made by `service.build`; `ServiceState` closes it.

    `encoder`, `image_loader` and `rerank` are those of all catalogs of a service. The store may be away when the
    service starts: it is prepared on the first call of `ready` that finds it. `may_use` raises where the store must not
    be used; `reads_words`: searches need the words of all products.
    """

    name: str = DEFAULT_CATALOG
    encoder: Encoder
    image_loader: ImageLoader
    rerank: RerankStage
    documents: Documents
    store: Store
    images: ImageStore
    words: CatalogWords
    pipeline: SearchPipeline
    products: Products
    rules: RuleBook
    reads_words: bool
    may_use: Callable[[], None]
    _prepared: Once = field(default_factory=Once)

    @property
    def path(self) -> str:
        """The path below which its routes are."""
        return catalog_path(self.name)

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
        """Close what is this catalog's own and, even if something fails, the store. Models stay."""
        with ExitStack() as closing:
            closing.callback(self.store.close)
            closing.callback(self.words.close)
            closing.callback(self.pipeline.close)
