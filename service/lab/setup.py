"""What the lab knows of a configuration's settings, and what it has others make of them.

The lab knows neither the settings nor the composition root: both come in from above, in `service.cli.setups`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rerank.engines.engine import Engine
from service.catalog.document_form import DocumentForm
from service.encoders.encoder import Encoder
from service.images.sources import ImageLoader
from service.images.store.renditions import Renditions
from service.search.hybrid_defaults import HybridDefaults
from service.search.pipeline import SearchPipeline
from service.search.reranking.stage import RerankStage
from service.stores.store import Store


class Maker(Protocol):
    """Makes the parts of a service as one configuration's settings say. Raises as `service.build`."""

    def encoder(self) -> Encoder:
        """Load the encoder."""
        ...

    def engine(self) -> Engine:
        """Load the engine. It keeps nothing between calls, so each answer takes the time of one to new images."""
        ...

    def store(self, collection: str) -> Store:
        """Open the store, at a collection of this name."""
        ...

    def rerank(self, engine: Callable[[], Engine]) -> RerankStage:
        """Build strategies and prompts over an engine."""
        ...

    def pipeline(
        self, *, encoder: Encoder, store: Store, images: Renditions, rerank: RerankStage, image_loader: ImageLoader
    ) -> SearchPipeline:
        """Put together what answers a query."""
        ...


@dataclass(frozen=True)
class Setup:
    """The settings in effect. `values`: every one that can change a result, by name; the other fields are those that
    the lab acts on. `weights`: files and folders of the engine, as far as they are on this machine;
    `files`: others whose content can change a result.
    """

    values: Mapping[str, object]
    encoder: str
    batch: int
    torch_threads: int | None
    form: DocumentForm | None
    min_side: int
    working_side: int
    reranks: bool
    strategy: str
    candidates: int
    prompts_dir: Path | None
    weights: tuple[Path, ...]
    files: tuple[Path, ...]
    hybrid: HybridDefaults
    understands: bool
    max_limit: int
    make: Maker


class UnusableSetting(Exception):  # noqa: N818 (as in service.errors)
    """A setting that cannot be used. `place`: its name, or nothing if it is about several, and parts of its value."""

    def __init__(self, problem: str, *place: str | int) -> None:
        """`problem` is a sentence without its full stop."""
        super().__init__(problem)
        self.problem = problem
        self.place = place


class Overlay(Protocol):
    """The settings of this machine, which a configuration overrides."""

    @property
    def measured(self) -> frozenset[str]:
        """The settings that a configuration may set."""
        ...

    @property
    def known(self) -> frozenset[str]:
        """All settings."""
        ...

    def lay(self, chosen: Mapping[str, Any]) -> Setup:
        """The settings with these in their place, checked as far as no model is needed. Raises UnusableSetting."""
        ...
