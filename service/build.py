"""The composition root: from settings to the working parts of a service. Nothing below it reads `Settings`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Unpack

import torch

from rerank.engines.engine import Engine, EngineInfo
from rerank.errors import LayoutError, PromptError
from rerank.prompts import PromptLibrary
from service.catalog.documents import Documents
from service.catalog.ingest import IngestReport, Progress, ingest
from service.catalog.ingest_options import IngestOptions
from service.catalog.lost_index import check_not_lost
from service.catalog.products import Products
from service.encoders import registry
from service.encoders.batching import BatchingEncoder
from service.encoders.encoder import Encoder
from service.encoders.patience import PatientEncoder, patiently
from service.encoders.registry import EncoderEntry
from service.errors import ConfigurationError, StoreLocked, StoreUnavailable, StoreUnusable
from service.images.fetch.fetch import Fetcher, FetchPolicy
from service.images.sources import ImageLoader
from service.images.store.image_store import ImageStore
from service.images.store.renditions import Renditions
from service.search.lexical.catalog_words import CatalogWords, Labels
from service.search.online.evaluation import check_rival
from service.search.online.interleaved_reranker import choose_reranker
from service.search.pipeline import SearchPipeline
from service.search.reranking import engines
from service.search.reranking.engines import EngineLoader, WithPrompts
from service.search.reranking.plan import Planner, RerankDefaults
from service.search.reranking.stage import RerankStage
from service.search.reranking.strategies import StrategyOptions, build_strategies
from service.search.retrieval import Retriever
from service.search.rules.active import active
from service.search.rules.book import RuleBook
from service.search.understanding.synonyms import read_synonyms
from service.search.understanding.understand import Understander
from service.search.understanding.vocabulary import Vocabulary
from service.server.state import ServiceState
from service.settings import Settings
from service.stores.local_file import is_local
from service.stores.store import Store, VersionedStore
from service.support.arenas import share_arenas
from starter.encoder_adapter import STARTER
from starter.engine_entry import load_starter

logger = logging.getLogger(__name__)

ENCODERS: dict[str, EncoderEntry] = {STARTER.name: STARTER, **registry.PUBLISHED}
"""Every encoder by its name in the settings."""


def load_encoder(settings: Settings) -> Encoder:
    """The encoder that the settings name. Raises UnknownEncoder, EncoderUnavailable."""
    return registry.load_encoder(settings.encoder.name, settings.encoder.options(), ENCODERS)


def load_patient_encoder(settings: Settings) -> Encoder:
    """The same for indexing: if it is behind a server, it waits for that. Raises EmbeddingServerUnavailable, too."""
    entry, patience_s = ENCODERS.get(settings.encoder.name), settings.encoder.patience_s
    if entry is None or not entry.is_remote:
        return load_encoder(settings)
    return PatientEncoder(patiently(lambda: load_encoder(settings), patience_s), patience_s)


def in_batches(encoder: Encoder, settings: Settings) -> Encoder | BatchingEncoder:
    """The encoder with batching: concurrent searches share batches, unless the settings turn that off or a server
    does it.
    """
    if settings.encoder.max_batch == 1 or ENCODERS[settings.encoder.name].is_remote:
        return encoder
    return BatchingEncoder(
        encoder,
        max_batch=settings.encoder.max_batch,
        max_wait_ms=settings.encoder.max_wait_ms,
        queue=settings.encoder.queue,
        retry_after_s=settings.server.retry_after_s,
    )


ENGINES: dict[str, EngineLoader] = {"starter": load_starter, **engines.ENGINES}
"""Every engine by its name in the settings."""


def load_engine(settings: Settings) -> Engine:
    """The engine that the settings name. Raises ConfigurationError."""
    return engines.load_engine(settings.engine.name, settings.engine.options(), ENGINES)


def check_model_server(settings: Settings) -> None:
    """Ask the model server whether it has the model, where the engine is one. Raises ConfigurationError."""
    if settings.engine.name == "openai-compatible":
        engines.check_model_server(settings.engine.options())


def open_store(settings: Settings) -> VersionedStore:
    """The store that `store_uri` names; nothing is connected or created yet. Raises ConfigurationError."""
    uri, store = settings.store_uri, settings.store
    if uri.startswith("exact:"):
        from service.stores.exact.exact_store import ExactStore  # noqa: PLC0415 (each store brings its own libraries)

        return ExactStore.from_uri(uri)
    if uri.startswith("pinecone:"):
        return _pinecone(settings)
    from service.stores.milvus.milvus_store import MilvusStore  # noqa: PLC0415 (brings pymilvus and grpc)

    return MilvusStore(
        uri,
        token=store.token.get_secret_value() if store.token else None,
        collection=store.collection,
        index_type=store.index_type,
        index_params=store.index_params,
        search_params=store.search_params,
        timeout_s=store.timeout_s,
    )


def _pinecone(settings: Settings) -> VersionedStore:
    """An index of Pinecone. Raises ConfigurationError without the extra or a key."""
    store = settings.store
    try:
        from service.stores.pinecone.connection import NO_KEY, PineconeConnection  # noqa: PLC0415 (an extra)
        from service.stores.pinecone.pinecone_store import SCHEME, PineconeStore  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ConfigurationError(
            "WITHTHIS_STORE_URI needs a package that is not installed. Run: pip install 'withthis[pinecone]'."
        ) from error
    if store.token is None:
        raise ConfigurationError(NO_KEY)
    connection = PineconeConnection(
        settings.store_uri.removeprefix(SCHEME),
        api_key=store.token.get_secret_value(),
        host=store.pinecone_host,
        timeout_s=store.timeout_s,
    )
    return PineconeStore(
        connection, namespace=store.collection, cloud=store.pinecone_cloud, region=store.pinecone_region
    )


def open_images(settings: Settings) -> ImageStore:
    """The image store. Raises ConfigurationError."""
    return ImageStore(settings.images_location, settings.image_limits, timeout_s=settings.store.timeout_s)


def new_fetcher(settings: Settings) -> Fetcher | None:
    """What fetches images by URL from the hosts that the settings allow; None if they allow none."""
    hosts = frozenset(settings.images.url_image_hosts)
    policy = FetchPolicy(hosts, settings.images.max_image_bytes, settings.images.url_image_timeout_s)
    return Fetcher(policy) if hosts else None


def new_image_loader(settings: Settings) -> ImageLoader:
    """What reads images from outside."""
    return ImageLoader(settings.image_limits, new_fetcher(settings))


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
) -> SearchPipeline:
    """What answers queries, over loaded models and an open store."""
    search = settings.search
    retriever = Retriever(
        encoder=encoder,
        store=store,
        words=words,
        images=images,
        image_loader=image_loader,
        max_limit=search.max_limit,
        max_text_chars=search.max_text_chars,
        window=search.window,
        understander=understander,
        negative_weight=search.negative_weight,
        rules=lambda query: active(rules.rules().rules, query, datetime.now(UTC)),
    )
    return SearchPipeline(retriever=retriever, images=images, choose_reranker=partial(choose_reranker, rerank))


def assemble(
    settings: Settings,
    *,
    encoder: Encoder,
    store: Store,
    images: ImageStore,
    rerank: RerankStage,
    may_use: Callable[[], None] = lambda: None,
) -> ServiceState:
    """Put loaded models and an open store together."""
    loader, understander = new_image_loader(settings), Understander(new_vocabulary(settings))
    words, rules = new_words(store, settings, understander.labels), RuleBook(settings.search.rules)
    documents = Documents(encoder, settings.catalog.form)
    return ServiceState(
        encoder=encoder,
        documents=documents,
        store=store,
        images=images,
        image_loader=loader,
        words=words,
        rerank=rerank,
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
        ),
        products=Products(documents=documents, store=store, images=images, image_loader=loader, words=words),
        rules=rules,
        reads_words=settings.search.hybrid_enabled or settings.search.understand_enabled,
        may_use=may_use,
    )


def build_service(settings: Settings) -> ServiceState:
    """Load models and connect the store.

    Raises:
        ConfigurationError: a setting names something that does not exist or cannot be loaded.
        StoreLocked, StoreUnusable: the local store cannot be opened; waiting would not help.
        EncoderMismatch: the collection was made by another encoder.
    """
    share_arenas()
    if settings.encoder.torch_threads is not None:
        torch.set_num_threads(settings.encoder.torch_threads)
    store, images = open_store(settings), open_images(settings)
    with ExitStack() as failing:
        failing.callback(store.close)
        store.claim()  # before models are loaded, which takes long
        service = assemble(
            settings,
            encoder=in_batches(load_encoder(settings), settings),
            store=store,
            images=images,
            rerank=build_rerank(settings),
            may_use=partial(check_not_lost, store, images),
        )
        _prepare(service)
        failing.pop_all()
    return service


def ingest_options(settings: Settings, **more: Unpack[IngestOptions]) -> IngestOptions:
    """What the settings say on how feeds are read, and more."""
    options: IngestOptions = {
        "limits": settings.image_limits,
        "fetcher": new_fetcher(settings),
        "batch": settings.encoder.batch,
        "document": settings.catalog.form,
    }
    options.update(more)
    return options


def ingest_feed(
    feed: Path,
    settings: Settings,
    encoder: Encoder,
    store: Store,
    *,
    options: IngestOptions | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> IngestReport:
    """Bring a feed into an open store, as the settings or `options` say. Raises as `service.catalog.ingest.ingest`."""
    options, workers = options or ingest_options(settings), settings.catalog.ingest_workers
    images = open_images(settings)
    return ingest(feed, encoder, store, images, workers=workers, dry_run=dry_run, progress=progress, **options)


def _prepare(service: ServiceState) -> None:
    """Prepare the store if it is there; a service waits for one that is not. Raises StoreLocked, StoreUnusable."""
    try:
        service.ready()
    except (StoreLocked, StoreUnusable):
        raise
    except StoreUnavailable as error:
        logger.warning("%s The service starts, but /readyz answers 503.", error.detail, exc_info=error.__cause__)


def strategy_options(settings: Settings) -> StrategyOptions:
    """What the settings say of strategies."""
    rerank = settings.rerank
    return StrategyOptions(
        caption_cache_size=rerank.caption_cache_size,
        thumbnail_cache_size=settings.images.thumbnail_cache_size,
        match_prompt=rerank.match_prompt,
        rotations=rerank.rotations,
        window=rerank.window,
        step=rerank.step,
        prune=rerank.prune,
        cross_encoder_model=rerank.cross_encoder_model,
        cross_encoder_device=rerank.cross_encoder_device,
        trained=settings.reranker.options(),
    )


def _reads_titles(settings: Settings, info: EngineInfo) -> bool:
    """Whether the default strategy ranks by titles: those with another model than the engine's do."""
    return info.reads_titles or settings.rerank.strategy.startswith(("cross-encoder", "reranker"))


def build_rerank(settings: Settings, load: Callable[[Settings], Engine] | None = None) -> RerankStage:
    """The strategies with their engine and prompts; `load` gives another engine. Raises ConfigurationError."""
    try:
        prompts = PromptLibrary.load(settings.rerank.prompts_dir)
        engine = WithPrompts(
            (load or load_engine)(settings),
            rank=settings.rerank.rank_prompt,
            caption=settings.rerank.caption_prompt,
            match=settings.rerank.match_prompt,
        )
        strategies = build_strategies(strategy_options(settings), engine, prompts)
    except (PromptError, LayoutError) as error:
        # These texts are written by `rerank` about files and settings of the operator's own.
        raise ConfigurationError(f"The prompts are not valid: {error}.") from error
    if settings.rerank.strategy not in strategies.usable:
        reason = strategies.missing.get(settings.rerank.strategy, "There is no such strategy.")
        names = ", ".join(sorted(strategies.usable))
        raise ConfigurationError(
            f"WITHTHIS_STRATEGY cannot be {settings.rerank.strategy}. {reason} It can be: {names}."
        )
    weight = settings.rerank.fusion_weight
    defaults = RerankDefaults(
        strategy=settings.rerank.strategy,
        engine=strategies.models.get(settings.rerank.strategy, engine.info.id),
        candidates=settings.rerank.candidates,
        fusion_weight=engine.info.fusion_weight if weight is None else weight,
        fusion_method=settings.rerank.fusion_method or engine.info.fusion_method,
        deadline_ms=settings.rerank.deadline_ms,
        max_deadline_ms=settings.rerank.max_deadline_ms,
        needs_image=settings.rerank.step_back and not _reads_titles(settings, engine.info),
    )
    closing = ExitStack()  # each is closed, even if another one fails
    for close in (engine.close, *strategies.closing):
        closing.callback(close)
    stage = RerankStage(
        Planner(
            strategies.usable,
            prompts,
            defaults,
            strategies.missing,
            models={name: strategies.models.get(name, engine.info.id) for name in strategies.usable},
        ),
        concurrency=settings.rerank.concurrency,
        documents=settings.server.compatible_concurrency,
        caches={**strategies.caches, **engine.caches},
        close=closing.close,
        rank_prompts=[one.key for one in prompts if one.task == "rank" and one.layout == engine.info.layout],
    )
    if settings.online.interleave is not None:
        check_rival(settings.online.interleave, stage)
    return stage
