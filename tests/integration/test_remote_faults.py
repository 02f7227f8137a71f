"""An embedding server that fails: nothing is lost, callers hear of it in clear words, and the next call works."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rerank.model_server.breaker import Breaker
from rerank.query import Query
from service.build import assemble, load_encoder, load_patient_encoder, with_batching
from service.catalog.documents import Documents
from service.catalog.ingest import ingest
from service.catalog.reindex import reindex
from service.encoders.encoder import Encoder
from service.encoders.options import Instructions
from service.encoders.patience import PatientEncoder
from service.encoders.remote.embedding_client import RemoteEncoder
from service.encoders.remote.identity import is_same_model
from service.errors import ConfigurationError, EmbeddingRefused, EmbeddingServerUnavailable, EncoderMismatch
from service.images.store.image_store import ImageStore
from service.server.state import ServiceState
from service.settings import Settings
from service.stores.exact.exact_store import ExactStore
from tests.conftest import open_client
from tests.endless_peers import DRIPS, endless_peer
from tests.fakes import make_shop
from tests.integration.embedding_server import DIMENSION, MODEL, EmbeddingServer
from tests.integration.model_server import FAILURES, Answer, reply
from tests.integration.remote_encoders import a_feed, expected, opened

pytestmark = pytest.mark.usefixtures("no_proxy")


def changed(change: Callable[[list[list[float]]], Any]) -> Answer:
    """A reply of Cohere's whose vectors were changed."""

    def answer(body: dict[str, Any]) -> Any:
        vectors = [[1.0] * DIMENSION for _ in body["inputs"]]
        return reply(content=json.dumps({"embeddings": {"float": change(vectors)}}).encode())(body)

    return answer


NONSENSE: dict[str, Answer] = {
    "one too few": changed(lambda vectors: vectors[1:]),
    "one too many": changed(lambda vectors: [*vectors, vectors[0]]),
    "another dimension": changed(lambda vectors: [vector[1:] for vector in vectors]),
    "ragged": changed(lambda vectors: [vectors[0], vectors[1][1:]]),
    "NaN": changed(lambda vectors: [[float("nan"), *vector[1:]] for vector in vectors]),
    "infinite": changed(lambda vectors: [[float("inf"), *vector[1:]] for vector in vectors]),
    "too large": changed(lambda vectors: [[1e200, *vector[1:]] for vector in vectors]),
    "zero": changed(lambda vectors: [[0.0 for _ in vector] for vector in vectors]),
    "words": changed(lambda vectors: [["one" for _ in vector] for vector in vectors]),
    "null": changed(lambda vectors: [None for _ in vectors]),
    "empty": changed(lambda vectors: [[] for _ in vectors]),
    "deep": changed(lambda vectors: [[vector] for vector in vectors]),
}
FAULTS = NONSENSE | {f"reply {number}": answer for number, answer in enumerate(FAILURES)} | {"429": reply(429)}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_clear_words_and_costs_the_next_call_nothing(server: EmbeddingServer, fault: str) -> None:
    two = [Query("a"), Query("b")]
    with opened(server.url("cohere"), concurrency=1, api_key="sk-secret-0123456789") as encoder:
        server.script = [FAULTS[fault]]
        with pytest.raises((EmbeddingServerUnavailable, EmbeddingRefused)) as caught:
            encoder.encode(two)
        server.script = []
        assert np.allclose(encoder.encode(two).vectors[1], expected(server, "cohere", two[1]), atol=1e-6)
    assert caught.value.detail.endswith(".") and "sk-secret" not in caught.value.detail
    assert not any(foreign in caught.value.detail for foreign in ("0x7f", "html", "Traceback", "127.0.0.1"))


@pytest.mark.parametrize("drip", DRIPS)
def test_a_server_that_never_ends_is_left_at_the_deadline_and_answers_later(server: EmbeddingServer, drip: str) -> None:
    with opened(server.url("cohere"), concurrency=1) as encoder, endless_peer(*DRIPS[drip]) as peer:
        healthy, encoder._server._base = (
            encoder._server._base,
            encoder._server._base.copy_with(port=int(peer.address.rpartition(":")[2])),
        )
        encoder._timeout_s = 1.0
        with pytest.raises(EmbeddingServerUnavailable, match="Nothing can be embedded now"):
            encoder.encode([Query("a")])
        assert peer.closed.wait(30)
        encoder._server._base, encoder._timeout_s = healthy, 60
        assert len(encoder.encode([Query("a")]).vectors) == 1  # the only slot is free


def test_a_server_that_is_down_is_not_asked_again_and_again(server: EmbeddingServer) -> None:
    now = [0.0]
    breaker = Breaker(failures=3, pause_s=5, clock=lambda: now[0])
    with opened(server.url("cohere"), breaker=breaker) as encoder:
        server.script = [reply(500)]
        server.bodies.clear()
        for _ in range(10):
            with pytest.raises(EmbeddingServerUnavailable):
                encoder.encode([Query("a")])
        assert len(server.bodies) == 3
        server.script, now[0] = [], 5.0
        assert len(encoder.encode([Query("a")]).vectors) == 1


def test_a_busy_server_is_asked_again(server: EmbeddingServer) -> None:
    with opened(server.url("cohere"), retries=2) as encoder:
        server.script = [reply(429), reply(503), changed(lambda vectors: vectors)]
        server.bodies.clear()
        assert np.allclose(encoder.encode([Query("a")]).vectors, DIMENSION**-0.5)
        assert len(server.bodies) == 3


def test_the_fingerprint_is_of_the_model_and_not_of_its_rounding(server: EmbeddingServer) -> None:
    def fingerprint(**options: Any) -> str:
        with opened(server.url("cohere"), **options) as encoder:
            return encoder.info.fingerprint

    first = fingerprint()
    server.noise = 0.005
    assert all(is_same_model(first, fingerprint()) for _ in range(20))
    server.noise, server.seed = 0.0, 1
    assert not is_same_model(first, fingerprint())
    server.seed = 0
    assert not is_same_model(first, fingerprint(dimensions=8))
    assert not is_same_model(first, fingerprint(instructions=Instructions(document="Represent it.")))
    assert is_same_model(first, fingerprint(instructions=Instructions(query="Find it.")))
    assert not is_same_model("", first) and not is_same_model("abc", first) and is_same_model("abc", "abc")


def test_a_collection_stays_with_its_model_and_is_made_anew_for_another(
    server: EmbeddingServer, tmp_path: Path
) -> None:
    feed, images, store = a_feed(tmp_path, 4), ImageStore(tmp_path / "images"), ExactStore()
    server.noise = 0.003
    with opened(server.url("cohere")) as encoder:
        assert ingest(feed, encoder, store, images).indexed == 4
    built = store.built_by()
    with opened(server.url("cohere")) as encoder:  # another start: other rounding
        assert encoder.info.fingerprint != (built or ("", ""))[1]
        assert ingest(feed, encoder, store, images).unchanged == 4
        assert reindex(store, encoder, images, notice_s=0).copied == 4
    with opened(server.url("cohere"), instructions=Instructions(document="Represent it.")) as encoder:
        with pytest.raises(EncoderMismatch):
            Documents(encoder).bind(store)
        assert reindex(store, encoder, images, notice_s=0).encoded == 4
        Documents(encoder).bind(store)


def test_a_search_is_503_while_the_server_is_away_and_works_when_it_is_back(
    server: EmbeddingServer, tmp_path: Path
) -> None:
    shop, store = make_shop(tmp_path), ExactStore()
    with opened(server.url("cohere")) as encoder:
        feed = a_feed(tmp_path, 5)
        ingest(feed, encoder, store, shop.images)
        parts = assemble(shop.settings, encoder=encoder, store=store, images=shop.images, rerank=shop.parts.rerank)
        with open_client(replace(shop, parts=parts)) as client:
            server.script = [reply(502)]
            away = client.post("/v1/search", json={"text": "a mug"})
            server.script = []
            back = client.post("/v1/search", json={"text": "a mug"})
    assert (away.status_code, away.json()["type"].rpartition(":")[2]) == (503, "embedding-server-unavailable")
    assert back.status_code == 200 and len(back.json()["results"]) == 5


def test_indexing_waits_for_a_server_that_is_away_and_loses_nothing(server: EmbeddingServer, tmp_path: Path) -> None:
    store, images, feed = ExactStore(), ImageStore(tmp_path / "images"), a_feed(tmp_path, 9)
    with opened(server.url("cohere")) as encoder:
        server.script = [
            changed(lambda vectors: vectors),
            reply(503),
            reply(502),
            NONSENSE["one too few"],
            changed(lambda vectors: vectors),
        ]
        report = ingest(feed, PatientEncoder(encoder, patience_s=600), store, images, batch=4)
    assert (report.indexed, report.rejected, store.count()) == (9, 0, 9)


def test_indexing_gives_up_after_its_patience_and_resumes(server: EmbeddingServer, tmp_path: Path) -> None:
    store, images, feed = ExactStore(), ImageStore(tmp_path / "images"), a_feed(tmp_path, 9)
    with opened(server.url("cohere")) as encoder:
        server.script = [changed(lambda vectors: vectors), reply(503)]
        with pytest.raises(EmbeddingServerUnavailable):
            ingest(feed, PatientEncoder(encoder, patience_s=0), store, images, batch=4)
        server.script = []
        report = ingest(feed, encoder, store, images, batch=4)
    assert report.unchanged >= 3 and report.unchanged + report.indexed == 9 and store.count() == 9


def test_a_product_that_the_server_refuses_is_a_reject_and_no_other(server: EmbeddingServer, tmp_path: Path) -> None:
    store, images, feed = ExactStore(), ImageStore(tmp_path / "images"), a_feed(tmp_path, 9)
    with opened(server.url("cohere")) as encoder:
        server.refuses = lambda body: "Title 4" in str(body)
        report = ingest(feed, encoder, store, images, batch=4)
    assert (report.indexed, report.rejected, store.count()) == (8, 1, 8)
    assert "does not accept" in report.first_rejects[0].reason


def test_the_settings_name_the_server(server: EmbeddingServer) -> None:
    chosen = {"encoder": "remote", "encoder_url": server.url("jina"), "encoder_model": MODEL, "encoder_dialect": "jina"}
    settings = Settings(_env_file=None, **chosen)  # type: ignore[arg-type]
    server.script = [reply(503), reply(503), reply(500), None]  # three tries of a call, and one of the next
    encoder = load_patient_encoder(settings.model_copy(update={"encoder_patience_s": 600.0}))
    assert isinstance(encoder, PatientEncoder) and isinstance(encoder._encoder, RemoteEncoder)
    encoder._encoder.close()
    server.script = [reply(401)]
    with pytest.raises(EmbeddingServerUnavailable, match="another API key"):
        load_encoder(settings)
    assert (encoder.info.id, encoder.info.dimension) == (f"remote/{MODEL}", DIMENSION)
    assert with_batching(encoder, settings) is encoder  # the server batches by itself


@pytest.mark.parametrize(
    "wrong", [{}, {"encoder_model": "m"}, {"encoder_model": "m", "encoder_url": "http://u:p@x/v1"}]
)
def test_settings_that_name_no_server(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="WITHTHIS_ENCODER_URL"):
        load_encoder(Settings(_env_file=None, encoder="remote", **wrong))  # type: ignore[arg-type]


def test_an_instruction_that_a_dialect_cannot_say_is_refused() -> None:
    chosen = {"encoder_url": "http://127.0.0.1:9", "encoder_model": "m", "encoder_dialect": "cohere"}
    with pytest.raises(ConfigurationError, match="cohere has no place for an instruction"):
        load_encoder(Settings(_env_file=None, encoder="remote", encoder_query_instruction="Find it.", **chosen))  # type: ignore[arg-type]


def test_an_encoder_is_closed_with_the_service(server: EmbeddingServer, tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    with opened(server.url("cohere")) as encoder:
        closing_encoder: Encoder = encoder
        catalog = assemble(
            shop.settings, encoder=closing_encoder, store=ExactStore(), images=shop.images, rerank=shop.parts.rerank
        )
        ServiceState.of(catalog).close()
        assert encoder._server._http.is_closed
