"""What a running service consists of, as its routes and the command line use it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from rerank.engines.engine import Closable
from service.encoders.encoder import Encoder
from service.images.sources import ImageLoader
from service.search.reranking.stage import RerankStage
from service.server.catalog import Catalog
from service.server.readiness import Readiness, readiness
from service.wire.catalogs import DEFAULT_CATALOG


@dataclass(slots=True)
class ServiceState:
    """The catalogs of a service by name, the default one among them, and the models that they share.

    Made by `service.build`; close it at the end.
    """

    catalogs: Mapping[str, Catalog]

    @classmethod
    def of(cls, catalog: Catalog) -> Self:
        """A service of one catalog."""
        return cls({DEFAULT_CATALOG: catalog})

    @property
    def default(self) -> Catalog:
        """The catalog of the routes that name none."""
        return self.catalogs[DEFAULT_CATALOG]

    @property
    def encoder(self) -> Encoder:
        """The encoder of all catalogs."""
        return self.default.encoder

    @property
    def image_loader(self) -> ImageLoader:
        """What reads images from outside, for all catalogs."""
        return self.default.image_loader

    @property
    def rerank(self) -> RerankStage:
        """The rerank stage of all catalogs."""
        return self.default.rerank

    def check(self) -> Readiness:
        """Whether each catalog can be searched."""
        return readiness(self.catalogs)

    def warm(self) -> None:
        """Begin in the background what searches would wait for."""
        for catalog in self.catalogs.values():
            catalog.warm()

    def close(self) -> None:
        """Close the encoder's thread, the engine's connections and, even if one of these fails, all catalogs."""
        with ExitStack() as closing:
            for catalog in self.catalogs.values():
                closing.callback(catalog.close)
            closing.callback(self.rerank.close)
            if isinstance(self.encoder, Closable):
                closing.callback(self.encoder.close)
