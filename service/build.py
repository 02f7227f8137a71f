"""The components of the service, built from settings and shared by the app and the command line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import torch

from rerank.engines.engine import Engine
from rerank.errors import LayoutError, PromptError
from rerank.prompts import PromptLibrary
from service.catalog.lost_index import check_not_lost
from service.catalog.products import Products
from service.encoders.batching import BatchingEncoder
from service.encoders.encoder import Encoder
from service.encoders.registry import in_batches, load_encoder
from service.errors import ConfigurationError, StoreLocked, StoreUnavailable, StoreUnusable
from service.images.sources import ImageLoader
from service.images.store.image_store import ImageStore
from service.search.lexical.catalog_words import CatalogWords
from service.search.online.evaluation import check_rival
from service.search.pipeline import BegunSearch, SearchPipeline
from service.search.reranking.engines import WithPrompts, load_engine
from service.search.reranking.runner import RerankRunner
from service.search.reranking.stage import RerankDefaults, RerankStage
from service.search.reranking.strategies import build_strategies
from service.search.retrieval import Retriever
from service.search.types import SearchRequest, SearchResponse
from service.search.understanding.understand import Understander
from service.search.understanding.vocabulary import Vocabulary
from service.settings import Settings
from service.stores.schemes import open_store
from service.stores.store import Store
from service.support.arenas import share_arenas
from service.support.single_flight import SingleFlight

logger = logging.getLogger(__name__)


class Parts:
    """Encoder, store, images and pipeline, alive together.

    The store may be away when the service starts: it is prepared on the first call that needs it.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        store: Store,
        images: ImageStore,
        rerank: RerankStage,
        settings: Settings,
        pictures: ImageLoader | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """`pictures`: how images from outside are read, if not as the settings say; `check` raises where the store
        must not be used.
        """
        self.encoder = encoder
        self.store = store
        self.images = images
        self.rerank = rerank
        self.pictures = pictures or ImageLoader.from_settings(settings)
        vocabulary = Vocabulary.from_settings(settings)
        self.words = CatalogWords.from_settings(store, settings, vocabulary.labels)
        self._reads_words = settings.search.hybrid_enabled or settings.search.understand_enabled
        retriever = Retriever(
            encoder=encoder,
            store=store,
            words=self.words,
            images=images,
            pictures=self.pictures,
            max_limit=settings.search.max_limit,
            max_text_chars=settings.search.max_text_chars,
            window=settings.search.window,
            understander=Understander(vocabulary),
            negative_weight=settings.search.negative_weight,
        )
        self.pipeline = SearchPipeline(retriever=retriever, images=images, rerank=rerank)
        self._products = Products(encoder=encoder, store=store, images=images, pictures=self.pictures, words=self.words)
        self._check = check
        self._prepared = False
        self._preparing = SingleFlight[None]()

    def prepare(self) -> None:
        """Create the collection if it is missing and check that this encoder made it.

        Raises:
            StoreUnavailable, EncoderMismatch: as the store says.
        """
        if not self._prepared:
            self._preparing.run("store", self._prepare_store)

    def _prepare_store(self) -> None:
        self._check()
        self.store.ensure(self.encoder.info)
        self._prepared = True

    def search(self, request: SearchRequest) -> SearchResponse:
        """Answer one query; see `SearchPipeline.search`."""
        self.prepare()
        return self.pipeline.search(request)

    def begin(self, request: SearchRequest) -> BegunSearch:
        """Find the products of a query; `pipeline.finish` reranks them. See `SearchPipeline.begin`."""
        self.prepare()
        return self.pipeline.begin(request)

    def catalogue(self) -> Products:
        """The products, ready to be read and changed. Raises as `prepare` does."""
        self.prepare()
        return self._products

    def warm(self) -> None:
        """Begin in the background what searches would wait for."""
        if self._reads_words:
            self.words.warm()

    def check(self) -> int:
        """The number of rows that can be searched, or the error that says why none can."""
        self.prepare()
        self.store.ping()
        return self.store.count()

    def close(self) -> None:
        """End the encoder's thread, the engine's connections and, whatever becomes of these, the store."""
        with ExitStack() as closing:
            closing.callback(self.store.close)
            closing.callback(self.words.close)
            closing.callback(self.rerank.close)
            closing.callback(self.pipeline.close)
            if isinstance(self.encoder, BatchingEncoder):
                closing.callback(self.encoder.close)


def build_parts(settings: Settings) -> Parts:
    """Load models and connect the store.

    Raises:
        ConfigurationError: a setting names something that does not exist or cannot be loaded.
        StoreLocked, StoreUnusable: the local store cannot be opened; waiting would not help.
        EncoderMismatch: the collection was made by another encoder.
    """
    share_arenas()
    if settings.encoder.torch_threads is not None:
        torch.set_num_threads(settings.encoder.torch_threads)
    store, images = open_store(settings), ImageStore.from_settings(settings)
    with ExitStack() as failing:
        failing.callback(store.close)
        store.claim()  # before models are loaded, which takes long
        parts = Parts(
            encoder=in_batches(load_encoder(settings), settings),
            store=store,
            images=images,
            rerank=build_rerank(settings),
            settings=settings,
            check=partial(check_not_lost, store, images),
        )
        _prepare(parts)
        failing.pop_all()
    return parts


def _prepare(parts: Parts) -> None:
    """Prepare the store if it is there; a service waits for one that is not. Raises StoreLocked, StoreUnusable."""
    try:
        parts.prepare()
    except (StoreLocked, StoreUnusable):
        raise
    except StoreUnavailable as error:
        logger.warning("%s The service starts, but /readyz answers 503.", error.detail, exc_info=error.__cause__)


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
        strategies = build_strategies(settings, engine, prompts)
    except (PromptError, LayoutError) as error:
        # These texts are written by `rerank` about files and settings of the operator's own.
        raise ConfigurationError(f"The prompts are not valid: {error}.") from error
    if settings.rerank.strategy not in strategies.usable:
        reason = strategies.missing.get(settings.rerank.strategy, "There is no such strategy.")
        names = ", ".join(sorted(strategies.usable))
        raise ConfigurationError(
            f"WITHTHIS_STRATEGY cannot be {settings.rerank.strategy}. {reason} It can be: {names}."
        )
    defaults = RerankDefaults(
        strategy=settings.rerank.strategy,
        engine=engine.info.id,
        candidates=settings.rerank.candidates,
        fusion_weight=settings.rerank.fusion_weight,
        fusion_method=settings.rerank.fusion_method,
        deadline_ms=settings.rerank.deadline_ms,
        max_deadline_ms=settings.rerank.max_deadline_ms,
    )
    stage = RerankStage(
        strategies.usable,
        prompts,
        RerankRunner(settings.rerank.concurrency),
        defaults,
        documents=RerankRunner(settings.server.compatible_concurrency),
        missing=strategies.missing,
        caches={**strategies.caches, **engine.caches},
        close=engine.close,
        rank_prompts=[one.key for one in prompts if one.task == "rank" and one.layout == engine.info.layout],
    )
    if settings.online.interleave is not None:
        check_rival(settings.online.interleave, stage)
    return stage
