"""A catalog of a service, put together from loaded models and open stores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from service.build.opening import new_image_loader
from service.catalog.documents import Documents
from service.catalog.products import Products
from service.encoders.encoder import Encoder
from service.errors import ConfigurationError
from service.images.sources import ImageLoader
from service.images.store.image_store import ImageStore
from service.images.store.renditions import Renditions
from service.search.lexical.catalog_words import CatalogWords, Labels
from service.search.online.interleaved_reranker import choose_reranker
from service.search.online.rival import Rival
from service.search.online.rival_retrieval import RivalRetrieval, retrieval_name
from service.search.pipeline import SearchPipeline
from service.search.query_adapter import adapted
from service.search.reranking.stage import RerankStage
from service.search.retrieval import Retriever
from service.search.rules.active import active
from service.search.rules.book import RuleBook
from service.search.understanding.synonyms import read_synonyms
from service.search.understanding.understand import Understander
from service.search.understanding.vocabulary import Vocabulary
from service.server.catalog import Catalog
from service.settings import Settings
from service.stores.local_file import is_local
from service.stores.store import Store
from service.wire.catalogs import DEFAULT_CATALOG


def new_words(store: Store, settings: Settings, labels: Labels = lambda product: ()) -> CatalogWords:
    """The words of the catalog, held in this process.

    A local file belongs to this process, so nobody else changes it. Pinecone is paid by the row, so it is not read
    through.
    """
    own = settings.store_uri.startswith("exact:") or is_local(settings.store_uri)
    return CatalogWords(
        store,
        settings.search.lexical_fields,
        most=0 if settings.store_uri.startswith("pinecone:") else settings.search.lexical_max_products,
        refresh_s=None if own else settings.search.lexical_refresh_s,
        labels=labels,
        weights=settings.search.lexical_field_weights,
    )


def new_vocabulary(settings: Settings) -> Vocabulary:
    """Empty, for the fields and with the synonyms of the settings. Raises ConfigurationError."""
    fields = frozenset(name.casefold() for name in settings.search.understand_fields)
    return Vocabulary(fields, read_synonyms(settings.search.synonyms))


def new_pipeline(
    settings: Settings,
    *,
    encoder: Encoder,
    store: Store,
    words: CatalogWords,
    images: Renditions,
    image_loader: ImageLoader,
    understander: Understander,
    rerank: RerankStage,
    rules: RuleBook,
    name: str = DEFAULT_CATALOG,
    rival: Rival | None = None,
) -> SearchPipeline:
    """What answers queries, over loaded models and an open store; `rival`: what it is interleaved with."""
    search = settings.search

    def retriever(adapter: Path | None) -> Retriever:
        return Retriever(
            encoder=adapted(encoder, adapter),
            store=store,
            words=words,
            images=images,
            image_loader=image_loader,
            max_limit=search.max_limit,
            max_text_chars=search.max_text_chars,
            window=search.window,
            facet_products=search.facet_max_products,
            understander=understander,
            negative_weight=search.negative_weight,
            rules=lambda query: active(rules.rules().rules, query, datetime.now(UTC)),
            catalog=name,
        )

    own, other = retriever(search.query_adapter), None
    if rival is not None and rival.retrieves:
        adapter = rival.query_adapter or search.query_adapter
        try:
            theirs = retriever(adapter)
        except ConfigurationError as error:
            raise ConfigurationError(f"WITHTHIS_INTERLEAVE cannot be used. {error.detail}") from error
        names = retrieval_name(search.query_adapter), retrieval_name(adapter, rival.lexical_weight)
        other = RivalRetrieval(theirs, rival.lexical_weight, *names)
    choose = partial(choose_reranker, rerank, rival=other)
    return SearchPipeline(retriever=own, images=images, choose_reranker=choose)


def assemble(
    settings: Settings,
    *,
    encoder: Encoder,
    store: Store,
    images: ImageStore,
    rerank: RerankStage,
    name: str = DEFAULT_CATALOG,
    image_loader: ImageLoader | None = None,
    may_use: Callable[[], None] = lambda: None,
) -> Catalog:
    """Put loaded models and an open store together. `settings`: those of this catalog; `image_loader`: one that is
    shared.
    """
    loader, understander = image_loader or new_image_loader(settings), Understander(new_vocabulary(settings))
    words, rules = new_words(store, settings, understander.labels), RuleBook(settings.search.rules)
    documents = Documents(encoder, settings.catalog.form)
    return Catalog(
        name=name,
        encoder=encoder,
        image_loader=loader,
        rerank=rerank,
        documents=documents,
        store=store,
        images=images,
        words=words,
        pipeline=new_pipeline(
            settings,
            encoder=encoder,
            store=store,
            words=words,
            images=images,
            image_loader=loader,
            understander=understander,
            rerank=rerank,
            rules=rules,
            name=name,
            rival=settings.online.interleave,
        ),
        products=Products(documents=documents, store=store, images=images, image_loader=loader, words=words),
        rules=rules,
        reads_words=settings.search.hybrid_enabled or settings.search.understand_enabled,
        may_use=may_use,
    )
