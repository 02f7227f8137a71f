"""From the search log to better answers: log → judge → tune → interleave → promote.

The demo shop's users want dark colors, whatever they ask for. No query says so, and the encoder does not know it. They
look at the first positions more often than at others, and click on what they like.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from litestar.testing import TestClient
from typer.testing import CliRunner

from rerank.prompts import PromptLibrary
from rerank.query import Query
from service.app import create_app
from service.build import assemble, load_encoder, open_images
from service.cli import app
from service.encoders.encoder import Embeddings, Encoder
from service.search.reranking.plan import Planner, RerankDefaults
from service.search.reranking.stage import RerankStage
from service.server.state import ServiceState
from service.settings import Settings, load_settings
from service.stores.exact.exact_store import ExactStore
from service.stores.store import Vector
from starter.catalogue import DemoProduct, demo_products
from tests.conftest import HOME

DARK = frozenset({"black", "purple", "blue", "grey"})
GIFT = "a gift with "
PRODUCTS, ASKED, SEARCHES, INTERLEAVED = 720, 40, 9, 120
EXPERIMENT = """
name: what our users clicked on
data: {kind: jsonl, path: ., judgments: judgments.qrels}
measures: [nDCG@9]
settings: {document: [title], rerank_enabled: false}
configurations: [{name: as served}]
"""


@dataclass
class Users:
    """They click on what they look at and like."""

    products: dict[str, DemoProduct]
    chance: random.Random

    def likes(self, query: str, product: str) -> float:
        """The probability of a click by somebody who looks at a product."""
        found = self.products[product]
        if not found.title.lower().startswith(f"{query.removeprefix(GIFT)} "):
            return 0.02
        return 0.8 if found.colour in DARK else 0.15

    def search(self, client: TestClient[Any], query: str) -> list[str]:
        """One search and its clicks; the products of the answer."""
        session = f"{self.chance.random()}"
        answer = client.post("/v1/search", json={"text": query, "session": session}).json()
        shown = [result["product"]["id"] for result in answer["results"]]
        events = [
            {"query_id": answer["id"], "product_id": product, "event": "click", "position": rank}
            for rank, product in enumerate(shown, start=1)
            if self.chance.random() < rank**-0.7 * self.likes(query, product)
        ]
        if events:
            assert client.post("/v1/feedback", json=events).status_code == 202
        return shown

    def pleased(self, client: TestClient[Any], queries: Sequence[str]) -> float:
        """How well the first three products of an answer are liked, on average."""
        answers = (client.post("/v1/search", json={"text": query, "limit": 3}).json() for query in queries)
        found = [
            self.likes(query, result["product"]["id"])
            for query, answer in zip(queries, answers, strict=True)
            for result in answer["results"]
        ]
        return sum(found) / len(found)


class Remembering:
    """The bundled encoder, which embeds each text once."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self.info = encoder, encoder.info
        self._known: dict[tuple[str, str | None], Vector] = {}

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        new = {(query.role, query.text): query for query in queries if (query.role, query.text) not in self._known}
        if new:
            self._known.update(zip(new, self._encoder.encode(list(new.values())).vectors, strict=True))
        vectors = np.stack([self._known[query.role, query.text] for query in queries])
        return Embeddings(vectors, np.zeros(len(queries), np.bool_))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Remembering(load_encoder(Settings(_env_file=None)))


@contextmanager
def serving(encoder: Encoder, store: ExactStore, chosen: Settings) -> Iterator[TestClient[Any]]:
    """A service of the shop with other settings."""
    stage = RerankStage(Planner({}, PromptLibrary({}), RerankDefaults("listwise", "", 1, 0.0, 1), {}))
    parts = assemble(chosen, encoder=encoder, store=store, images=open_images(chosen), rerank=stage)
    with TestClient(create_app(chosen, ServiceState.of(parts)), base_url=HOME) as client:
        yield client


def run(*command: str | Path) -> dict[str, Any]:
    """A command that prints JSON."""
    done = CliRunner().invoke(app, [*map(str, command), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def drawn_queries(products: dict[str, DemoProduct]) -> tuple[list[str], list[str]]:
    """Those that users ask, and others."""
    motifs = {one.title.removesuffix(f" {one.category}, {one.colour}").lower() for one in products.values()}
    queries = sorted(f"{GIFT}{motif}" for motif in motifs)
    random.Random(5).shuffle(queries)
    return queries[:ASKED], queries[ASKED:]


@pytest.mark.slow
def test_what_users_click_on_makes_unseen_queries_better_and_they_prefer_that(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starter.catalogue.render_product", lambda *_, **__: None)  # titles are enough here
    products = {product.id: product for product, _ in islice(demo_products(), PRODUCTS)}
    users, ids = Users(products, random.Random(5)), random.Random(5)
    # The id of a search decides its draft.
    monkeypatch.setattr("service.search.pipeline.uuid.uuid4", lambda: UUID(int=ids.getrandbits(128)))
    asked, unseen = drawn_queries(products)
    store = ExactStore()

    def settings(log: str, **more: Any) -> Settings:
        own = {"search_log": tmp_path / log, "feedback": True, "document": ["title"], "rerank_enabled": False}
        return load_settings(_env_file=None, data_dir=tmp_path, default_limit=9, **{**own, **more})

    # Log. A comparison that is going on anyway shows products at other positions, too.
    first = {"enabled": False, "lexical_weight": 0.3}
    with serving(encoder, store, settings("log", interleave=first, interleave_share=1.0)) as client:
        rows = [{"id": one.id, "title": one.title, "category": one.category} for one in products.values()]
        assert client.put("/v1/products", json=rows).status_code == 200
        for query in asked * SEARCHES:
            users.search(client, query)
        export = tmp_path / "judged" / "products.jsonl"
        export.parent.mkdir()
        export.write_bytes(client.get("/v1/export").content)

    # Judge.
    judged = run(
        *("clicks", "judgments", tmp_path / "log", "--out", export.parent, "--products", export),
        *("--min-impressions", str(SEARCHES - 1)),
    )
    assert judged["queries"] > ASKED / 2

    # Tune, and evaluate on queries that it has not seen.
    monkeypatch.setattr("service.cli.setups.load_encoder", lambda chosen: encoder)
    (export.parent / "clicks.yaml").write_text(EXPERIMENT)
    tuned = run("tune", export.parent / "clicks.yaml", "--out", tmp_path / "out")
    assert tuned["parts"][0]["proven"] and tuned["parts"][0]["comparison"]["difference"] > 0.02
    learned = {"query_adapter": tmp_path / "out" / "query-adapter.safetensors"}
    with serving(encoder, store, settings("before")) as client:
        before = users.pleased(client, unseen)
    with serving(encoder, store, settings("after", **learned)) as client:
        assert users.pleased(client, unseen) > before + 0.05

    # Interleave.
    rival = {"enabled": False, **learned}
    with serving(encoder, store, settings("second log", interleave=rival, interleave_share=1.0)) as client:
        for query in islice(cycle(unseen), INTERLEAVED):
            users.search(client, query)
    report = run("interleave", "report", tmp_path / "second log", "--event", "click")
    (preference,) = report["comparisons"][0]["preferences"]
    assert report["comparisons"][0]["b"]["retrieval"].startswith("adapter ")
    assert preference["share_b"] > 0.5 and preference["p"] < 0.05

    # Promote: the file that tuning left is the configuration.
    monkeypatch.setenv("WITHTHIS_CONFIG", tuned["file"])
    with serving(encoder, store, settings("promoted")) as client:
        assert users.pleased(client, unseen) > before + 0.05
