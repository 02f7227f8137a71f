"""Stand-ins for models and store, so that the service is tested in seconds and without weights."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterator, Sequence
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
from service.errors import EncoderMismatch
from service.images.store.image_store import ImageStore
from service.product import Product
from service.search.reranking.plan import Planner, RerankDefaults
from service.search.reranking.stage import RerankStage
from service.server.state import ServiceState
from service.settings import Settings
from service.stores.filters import Filter
from service.stores.revisions import RevisionStore, belongs, heads_among, read_whole, row_key
from service.stores.store import Hit, Record, RowState, Vector

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


class MemoryStore(RevisionStore):
    """Rows by key, compared one by one; of filters it knows `category eq` alone."""

    def __init__(self) -> None:
        self.rows: dict[str, Record] = {}
        self.failure: Exception | None = None
        self.block: threading.Event | None = None
        self.asked = 0
        self.closed = False
        self.settled: int | None = None
        self.built: tuple[str, str] | None = (FakeEncoder.info.id, FakeEncoder.info.fingerprint)

    def built_by(self) -> tuple[str, str] | None:
        self._answer()
        return self.built

    def ensure(self, info: EncoderInfo) -> None:
        self._answer()
        self.built = self.built or (info.id, info.fingerprint)
        if self.built != (info.id, info.fingerprint):
            raise EncoderMismatch

    def upsert(self, records: Sequence[Record]) -> None:
        self.rows.update({row_key(record): record for record in records})

    def search(self, vector: Vector, *, limit: int, filter: Filter | None = None) -> list[Hit]:
        self._answer()
        wanted = filter.category.eq if filter and filter.category else None
        found = [
            row.found(float(row.vector @ vector)) for row in self.named() if wanted in (None, row.product.category)
        ]
        return sorted(found, key=lambda hit: -hit.score)[:limit]

    def get(self, product_id: str) -> list[Record]:
        self._answer()
        return read_whole(lambda: [row for row in list(self.rows.values()) if row.product_id == product_id])

    def records(self, keys: Sequence[str]) -> list[Record]:
        return [self.rows[key] for key in keys if key in self.rows]

    def states(self, keys: Sequence[str]) -> list[RowState]:
        return [row.state for row in self.records(keys)]

    def states_of(self, product_ids: Sequence[str]) -> list[RowState]:
        return [row.state for row in self.rows.values() if row.product_id in product_ids]

    def named(self) -> list[Record]:
        """The rows that their heads name."""
        heads = heads_among(self.rows.values())
        return [row for row in self.rows.values() if belongs(row, heads)]

    def page(self, *, after: str, limit: int, filter: Filter | None = None) -> list[tuple[str, Product]]:
        self._answer()
        wanted = filter.category.eq if filter and filter.category else None
        rows = sorted((row for row in self.rows.values() if row_key(row) > after), key=row_key)
        return [(row_key(row), row.product) for row in rows if wanted in (None, row.product.category)][:limit]

    def scan(self) -> Iterator[list[RowState]]:
        yield [row.state for row in self.rows.values()]

    def delete_rows(self, ids: Sequence[str]) -> int:
        return sum(self.rows.pop(id, None) is not None for id in ids)

    def count(self) -> int:
        self._answer()
        return len(self.rows)

    def ping(self) -> None:
        self._answer()

    def settle(self, at_least: int = 0) -> None:
        self.settled = len(self.rows)

    def close(self) -> None:
        self.closed = True

    def _answer(self) -> None:
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
    parts: ServiceState


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
