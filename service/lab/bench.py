"""Wires a configuration as the service is wired, over models and stores that configurations share."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from rerank.prompts import PromptLibrary
from service.catalog.documents import Documents
from service.encoders.encoder import Encoder
from service.images.sources import ImageLoader
from service.lab.averaging import AveragingEncoder
from service.lab.configuration import Configuration
from service.lab.digests import digest, digest_of
from service.lab.gallery import Gallery, Shelf, Step, embedded, fill, lab_limits
from service.lab.measurement import Bench, LabImages
from service.lab.models import Models, engine_fingerprint
from service.lab.setup import Setup
from service.search.reranking.plan import Planner, RerankDefaults
from service.search.reranking.stage import RerankStage
from service.stores.store import Record, Store

FORMAT = 1
"""Version of the data on disk; another one invalidates all configurations."""


class Benches:
    """Makes a `Bench` of each configuration of one data set. Close it at the end."""

    def __init__(self, gallery: Gallery, models: Models) -> None:
        self._gallery = gallery
        self._models = models
        self._records: dict[str, tuple[Record, ...]] = {}
        self._stores: dict[str, Store] = {}
        self._stages: dict[str, RerankStage] = {}

    def key(self, configuration: Configuration, k: int) -> str:
        """Everything that an outcome depends on other than the query, as one hash. Loads the encoder."""
        info = self._models.encoder(configuration).info
        asked = [FORMAT, k, configuration.filter, configuration.measured]
        rerank = None
        if configuration.setup.reranks:
            prompts = PromptLibrary.load(configuration.setup.prompts_dir)
            rerank = [engine_fingerprint(configuration), sorted(str(prompt.model_dump()) for prompt in prompts)]
        files = [digest(path.read_bytes()) for path in configuration.setup.files if path.is_file()]
        return digest_of([*asked, self._gallery.fingerprint, info.id, info.fingerprint, rerank, *files])

    def fingerprint(self, configuration: Configuration) -> str:
        """Of the configuration's encoder."""
        return self._models.encoder(configuration).info.fingerprint

    def check(self, configuration: Configuration) -> None:
        """Load models and prompts. Raises ConfigurationError for what does not exist or does not fit together."""
        self._models.encoder(configuration)
        self._rerank(configuration)

    def bench(self, configuration: Configuration, k: int, step: Step) -> Bench:
        """Load, embed and fill what is missing; `step` is called with the number of embedded documents.

        Raises:
            ConfigurationError: a setting names something that does not exist or cannot be loaded.
            DataSetError: an image that cannot be decoded.
            StoreUnavailable: from the store.
        """
        setup = configuration.setup
        if setup.torch_threads is not None:
            import torch  # noqa: PLC0415 (slow, and models may be on servers)

            torch.set_num_threads(setup.torch_threads)
        encoder = AveragingEncoder(self._models.encoder(configuration))
        records = self._embedded(configuration, step)
        limits = lab_limits(setup)
        pipeline = setup.make.pipeline(
            encoder=encoder,
            store=self._store(configuration, encoder, records),
            images=LabImages(self._gallery.images, limits),
            rerank=self._rerank(configuration),
            image_loader=ImageLoader(limits),
        )
        return Bench(configuration, pipeline, encoder, Shelf(records), k)

    def close(self) -> None:
        """Close the stores, even if one of them fails."""
        with ExitStack() as stack:
            for store in self._stores.values():
                stack.callback(store.close)

    def _embedded(self, configuration: Configuration, step: Step) -> tuple[Record, ...]:
        setup = configuration.setup
        encoder = self._models.encoder(configuration)
        form = Documents(encoder, setup.form).form
        key = digest_of([configuration.encoder_key(), setup.working_side, form.fields])
        if key not in self._records:
            self._records[key] = embedded(self._gallery, encoder, setup, form, step)
        return self._records[key]

    def _store(self, configuration: Configuration, encoder: Encoder, records: Sequence[Record]) -> Store:
        """A store filled with the data set, under a name of its own: a shop's collection is never touched."""
        setup = configuration.setup
        info = Documents(encoder, setup.form).info
        filled = [configuration.store_key(), info.id, info.fingerprint, self._gallery.fingerprint]
        key = digest_of([*filled, setup.working_side])
        if key not in self._stores:
            store = setup.make.store(f"lab_{key[:24]}")
            self._stores[key] = store
            store.ensure(info)
            fill(store, records)
        return self._stores[key]

    def _rerank(self, configuration: Configuration) -> RerankStage:
        if configuration.name not in self._stages:
            setup, engine = configuration.setup, partial(self._models.engine, configuration)
            self._stages[configuration.name] = setup.make.rerank(engine) if setup.reranks else _no_rerank(setup)
        return self._stages[configuration.name]


def _no_rerank(setup: Setup) -> RerankStage:
    """For retrieval only: no engine is loaded."""
    defaults = RerankDefaults(setup.strategy, "", 1, 0.0, 1)
    return RerankStage(Planner({}, PromptLibrary({}), defaults, {}))
