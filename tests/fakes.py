"""Stand-ins for models and store, so that the service is tested in seconds and without weights."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.ranking import Fault, Ranking
from rerank.strategies.strategy import RerankOutcome, ScoreScale, Strategy
from service.build import assemble, open_images
from service.encoders.encoder import Embeddings, EncoderInfo
from service.images.store.image_store import ImageStore
from service.product import Product
from service.search.reranking.plan import Planner, RerankDefaults
from service.search.reranking.stage import RerankStage
from service.server.catalog import Catalog
from service.server.state import ServiceState
from service.settings import Settings
from service.stores.exact.exact_store import ExactStore
from service.stores.store import Record, Vector

DIMENSION = 8


def png(colour: str = "orange", size: tuple[int, int] = (24, 16)) -> bytes:
    """A small image as PNG bytes."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


class FakeEncoder:
    """Vectors by hash: the same input always lands in the same place; texts over 100 characters count as cut."""

    info = EncoderInfo("fake", DIMENSION, "fake-1", frozenset({"text", "image", "composed"}), 32)

    def __init__(self) -> None:
        self.seen: list[Query] = []
        self.block: threading.Event | None = None

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        self.seen.extend(queries)
        if self.block is not None:
            self.block.wait(30)
        vectors = np.stack([_vector(query) for query in queries])
        return Embeddings(vectors, np.array([len(query.text or "") > 100 for query in queries]))


def _vector(query: Query) -> Vector:
    content = (query.text or "").encode() + (query.image.tobytes() if query.image else b"")
    seed = int.from_bytes(hashlib.sha256(content).digest()[:4], "big")
    vector = np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class MemoryStore(ExactStore):
    """The exact store in memory, bound to the fake encoder; it can fail, hang, and tell what it was asked."""

    def __init__(self, built_by: EncoderInfo | None = FakeEncoder.info) -> None:
        super().__init__()
        self.failure: Exception | None = None
        self.block: threading.Event | None = None
        self.asked = 0
        self.closed = False
        self.settled: int | None = None
        if built_by is not None:
            self.ensure(built_by)

    @property
    def rows(self) -> Mapping[str, Record]:
        """All rows by key."""
        return self._rows

    def settle(self, at_least: int = 0) -> None:
        self.settled = len(self.rows)

    def close(self) -> None:
        self.closed = True

    def _open(self) -> None:
        """Called by whatever reads or writes."""
        self.asked += 1
        if self.block is not None:
            self.block.wait(30)
        if self.failure is not None:
            raise self.failure


@dataclass
class FakeStrategy:
    """Reverses the candidates, unless told to do something else."""

    name: str = "listwise"
    behave: Callable[[int], Ranking] | None = None
    degraded: str | None = None
    scale: ScoreScale = "relative"
    raises: Exception | None = None
    block: threading.Event | None = None
    instructable: bool = True
    calls: list[tuple[Query, Sequence[Candidate], str | None]] = field(default_factory=list)
    deadlines: list[float | None] = field(default_factory=list)

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        *,
        prompt: str | None = None,
        deadline: float | None = None,
    ) -> RerankOutcome:
        self.calls.append((query, candidates, prompt))
        self.deadlines.append(deadline)
        if self.block is not None:
            self.block.wait(30)
        if self.raises is not None:
            raise self.raises
        n = len(candidates)
        return RerankOutcome(
            ranking=self.behave(n) if self.behave else reverse(n),
            caption="a leopard" if query.image else None,
            engine="fake",
            strategy=self.name,
            prompt="rank-panel@1",
            timings_ms={"caption": 1.0, "rerank": 2.0},
            degraded=Degraded(self.degraded) if self.degraded else None,
            scale=self.scale,
        )


def reverse(n: int) -> Ranking:
    """The last candidate first, with scores that say so."""
    order = tuple(reversed(range(n)))
    return Ranking(order, Fault.OK, (), "the last one shows it best", tuple(place / max(1, n) for place in range(n)))


def fill(store: MemoryStore, images: ImageStore, n: int) -> None:
    """Put `n` products p0, p1, … into the shop; even ones are mugs, odd ones caps."""
    for number in range(n):
        key = images.put(png(f"hsl({number * 17 % 360}, 80%, 50%)"))
        vector = _vector(Query(f"product {number}"))
        product = Product(
            id=f"p{number}",
            title=f"Product {number}",
            category="cap" if number % 2 else "mug",
            price=5.0 + number,
            attributes={"colour": "red"},
            image_key=key,
        )
        store.upsert([Record(f"p{number}#0", product, vector, content_hash=str(number), updated_at=0)])


@dataclass
class Shop:
    """Everything a test of the service may want to look at or to break."""

    settings: Settings
    encoder: FakeEncoder
    store: MemoryStore
    images: ImageStore
    strategy: FakeStrategy
    parts: Catalog

    @property
    def service(self) -> ServiceState:
        """A service with this catalog alone."""
        return ServiceState.of(self.parts)


def make_shop(
    folder: Path,
    *,
    products: int = 20,
    strategy: Strategy | None = None,
    missing: dict[str, str] | None = None,
    images: ImageStore | None = None,
    needs_image: bool = False,
    **settings: object,
) -> Shop:
    """A shop of fakes whose images lie in `folder`; `missing`: strategies it lacks, and why; `needs_image`: its engine
    ranks by images alone.
    """
    chosen = Settings(_env_file=None, **{"data_dir": folder, **settings})  # type: ignore[arg-type]
    encoder, store, fake = FakeEncoder(), MemoryStore(), FakeStrategy()
    images = images or open_images(chosen)
    fill(store, images, products)
    weight = 1.0 if chosen.rerank.fusion_weight is None else chosen.rerank.fusion_weight
    numbers = (chosen.rerank.candidates, weight, chosen.rerank.deadline_ms)
    most = chosen.rerank.max_deadline_ms
    defaults = RerankDefaults(
        "listwise",
        "fake",
        *numbers,
        fusion_method=chosen.rerank.fusion_method or "rrf",
        max_deadline_ms=most,
        needs_image=needs_image,
    )
    rerank = RerankStage(
        Planner({"listwise": strategy or fake}, PromptLibrary.load(), defaults, missing or {}),
        concurrency=chosen.rerank.concurrency,
        documents=chosen.server.compatible_concurrency,
    )
    parts = assemble(encoder=encoder, store=store, images=images, rerank=rerank, settings=chosen)
    return Shop(chosen, encoder, store, images, fake, parts)
