"""A configuration of an experiment out of the settings: what the lab may know of them, and what they make.

This is the lab's composition root, as `service.build` is that of the service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rerank.engines.engine import Engine
from rerank.errors import PromptError
from rerank.prompts import PromptLibrary
from service.build import (
    ENCODERS,
    ENGINES,
    build_rerank,
    load_encoder,
    load_engine,
    new_pipeline,
    new_vocabulary,
    new_words,
    open_store,
)
from service.encoders.encoder import Encoder
from service.images.sources import ImageLoader
from service.images.store.renditions import Renditions
from service.lab.experiment import MAX_K
from service.lab.setup import Setup, UnusableSetting
from service.search.pipeline import SearchPipeline
from service.search.reranking.stage import RerankStage
from service.search.reranking.strategies import STRATEGIES
from service.search.rules.book import RuleBook
from service.search.understanding.understand import Understander
from service.settings import Settings, flat_name, setting_places
from service.stores.store import Store
from service.support.first_fault import first_fault

_UNMEASURED_GROUPS = ("server", "online")
UNMEASURED = frozenset(
    {
        *(name for name, place in setting_places().items() if place.group in _UNMEASURED_GROUPS),
        *("data_dir", "catalogs", "collection", "store_token", "images_url", "public_images", "url_image_hosts"),
        *("url_image_timeout_s", "max_image_bytes", "max_image_pixels", "max_request_pixels", "decode_pixels"),
        *("ingest_workers", "feed_file_bytes", "ray_address", "ray_encoders", "encoder_patience_s"),
        *("encoder_max_batch", "encoder_max_wait_ms", "encoder_queue", "engine_cache_size", "engine_store_features"),
        *("engine_api_key", "encoder_api_key", "reranker_api_key", "default_limit", "max_limit"),
    }
)
"""Settings that cannot change a result, that the lab chooses itself, or that are secret: those come from the
environment alone, since an experiment's file and its report are meant to be shared."""

EXACT = "exact:"
"""The store used unless a configuration names another: in memory, every row compared."""


class SettingsMaker:
    """Makes the parts of a service as settings say; see `service.lab.setup.Maker`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def encoder(self) -> Encoder:
        """Load the encoder. Raises UnknownEncoder, EncoderUnavailable."""
        return load_encoder(self.settings)

    def engine(self) -> Engine:
        """Load the engine, without its cache. Raises ConfigurationError."""
        return load_engine(self.settings.model_copy(update={"engine_cache_size": 0}))

    def store(self, collection: str) -> Store:
        """Open the store at a collection. Raises ConfigurationError."""
        return open_store(self.settings.model_copy(update={"collection": collection}))

    def rerank(self, engine: Callable[[], Engine]) -> RerankStage:
        """Build strategies and prompts over an engine. Raises ConfigurationError."""
        return build_rerank(self.settings, lambda _: engine())

    def pipeline(
        self, *, encoder: Encoder, store: Store, images: Renditions, rerank: RerankStage, image_loader: ImageLoader
    ) -> SearchPipeline:
        """Put together what answers a query."""
        understander = Understander(new_vocabulary(self.settings))
        return new_pipeline(
            self.settings,
            encoder=encoder,
            store=store,
            words=new_words(store, self.settings, understander.labels),
            images=images,
            image_loader=image_loader,
            understander=understander,
            rerank=rerank,
            rules=RuleBook(self.settings.search.rules),
        )


class SettingsOverlay:
    """Settings that configurations override; see `service.lab.setup.Overlay`."""

    def __init__(self, base: Settings) -> None:
        self._base = base
        self.known = frozenset(setting_places())
        self.measured = self.known - UNMEASURED

    def lay(self, chosen: Mapping[str, Any]) -> Setup:
        """The settings with these in their place. Raises UnusableSetting."""
        try:
            settings = Settings(**{**self._base.given(), "store_uri": EXACT, **chosen, "max_limit": MAX_K})
        except ValidationError as error:
            raise _fault(error) from error
        _check_names(settings)
        return _setup(settings, self.measured)


def _fault(error: ValidationError) -> UnusableSetting:
    first = first_fault(error)
    setting = flat_name(first["loc"])
    place = (setting, *first["loc"][2:]) if setting else ()
    return UnusableSetting(first["msg"].rstrip("."), *place)


def _check_names(settings: Settings) -> None:
    """What settings name must exist; whether it can be loaded shows when it is. Raises UnusableSetting."""
    known: dict[str, Mapping[str, object]] = {"encoder": ENCODERS}
    if settings.rerank.enabled:
        known |= {"engine": ENGINES, "strategy": dict.fromkeys(STRATEGIES)}
    for name, names in known.items():
        if (value := settings.flat(name)) not in names:
            raise UnusableSetting(f"there is no {name} {value!r}; it can be {', '.join(sorted(names))}", name)
    if settings.rerank.enabled:
        _check_prompts(settings)


def _check_prompts(settings: Settings) -> None:
    try:
        prompts = PromptLibrary.load(settings.rerank.prompts_dir)
    except PromptError as error:  # its text is our own
        raise UnusableSetting(f"the prompts are not valid: {error}".rstrip("."), "prompts_dir") from error
    for name in ("rank_prompt", "caption_prompt", "match_prompt"):
        prompt = settings.flat(name)
        if prompt is not None and prompt not in {known for one in prompts for known in (one.id, one.key)}:
            raise UnusableSetting(f"there is no prompt {prompt!r}", name)


def _setup(settings: Settings, measured: frozenset[str]) -> Setup:
    search = settings.search
    return Setup(
        values={name: settings.flat(name) for name in sorted(measured)},
        encoder=settings.encoder.name,
        batch=settings.encoder.batch,
        torch_threads=settings.encoder.torch_threads,
        form=settings.catalog.form,
        min_side=settings.images.min_image_side,
        working_side=settings.images.working_image_side,
        reranks=settings.rerank.enabled,
        strategy=settings.rerank.strategy,
        candidates=settings.rerank.candidates,
        prompts_dir=settings.rerank.prompts_dir,
        weights=_weights(settings),
        files=tuple(path for path in (search.synonyms, search.rules, search.query_adapter) if path is not None),
        hybrid=search.hybrid_defaults(),
        understands=search.understand_enabled,
        max_limit=search.max_limit,
        make=SettingsMaker(settings),
    )


def _weights(settings: Settings) -> tuple[Path, ...]:
    """Where the engine's weights may be; a name on the hub is no file."""
    places = [settings.engine.path, Path(settings.engine.model) if settings.engine.model else None]
    if settings.engine.name == "starter":
        with as_file(files("starter") / "weights") as shipped:
            places.append(shipped)
    return tuple(place for place in places if place is not None)
