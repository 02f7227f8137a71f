"""The main job with its real parts: shop, Milvus Lite, both starter models, HTTP. Nothing here is a stand-in."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from PIL import Image

from service.app import create_app
from service.build import build_service
from service.catalog.ingest import ingest
from service.server.state import ServiceState
from service.settings import Settings
from starter.catalogue import write_shop
from starter.demo_shop import QUERY_TEXT, query_image
from tests.conftest import HOME

pytestmark = pytest.mark.slow
PRODUCTS = 240
Client = TestClient[Litestar]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, ServiceState]]:
    """A shop of 240 products, indexed: four leopard phone cases are among them."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder / "feed", PRODUCTS, 7)
    settings = Settings(data_dir=folder, store_uri=str(folder / "milvus.db"))
    built = build_service(settings)
    report = ingest(folder / "feed/products.csv", built.encoder, built.default.store, built.default.images)
    assert (report.indexed, report.rejected) == (PRODUCTS, 0)
    again = ingest(folder / "feed/products.csv", built.encoder, built.default.store, built.default.images)
    assert (again.indexed, again.unchanged) == (0, PRODUCTS)
    yield settings, built
    built.close()


@pytest.fixture(scope="module")
def client(service: tuple[Settings, ServiceState]) -> Iterator[Client]:
    """The service over that shop."""
    with TestClient(create_app(*service), base_url=HOME) as opened:
        yield opened


def _search(client: Client, **body: Any) -> dict[str, Any]:
    answer = client.post(
        "/v1/search", data={"query": json.dumps(body)}, files={"image": ("leopard.webp", query_image(), "image/webp")}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_leopard_query_gives_a_complete_explained_ranking(client: Client) -> None:
    found = _search(client, text=QUERY_TEXT, limit=9)
    results = found["results"]
    assert [one["rank"] for one in results] == list(range(1, 10))
    assert sorted(one["retrieval_rank"] for one in results) == list(range(1, 10))
    assert len({one["product"]["id"] for one in results}) == 9
    assert found["rerank"]["applied"]
    assert (found["rerank"]["fault"], found["rerank"]["degraded"]) == ("ok", None)
    assert found["rerank"]["reason"] in (None, "a phone case", "a phone case, nearest to the query of all candidates")
    assert found["rerank"]["reason_fault"] is None
    assert found["query"]["caption"] == "a leopard"
    assert results[0]["product"]["title"].startswith("Leopard phone case")
    assert set(found["timings_ms"]) >= {"decode", "embed", "retrieve", "caption", "rerank", "total"}


def test_a_reranked_answer_holds_exactly_what_retrieval_gave(client: Client) -> None:
    ranked = _search(client, text=QUERY_TEXT, limit=20)
    plain = _search(client, text=QUERY_TEXT, limit=20, rerank={"enabled": False})
    order = [one["product"]["id"] for one in plain["results"]]
    assert sorted(one["product"]["id"] for one in ranked["results"]) == sorted(order)
    for one in ranked["results"]:
        assert order[one["retrieval_rank"] - 1] == one["product"]["id"]


def test_retrieval_finds_most_leopard_phone_cases_across_styles(client: Client) -> None:
    found = _search(client, text=QUERY_TEXT, limit=9, rerank={"enabled": False})
    titles = [one["product"]["title"] for one in found["results"]]
    assert sum(title.startswith("Leopard phone case") for title in titles) >= 3


def test_filters_hold_for_composed_queries(client: Client) -> None:
    found = _search(client, text=QUERY_TEXT, limit=9, filter={"category": {"eq": "mug"}})
    assert found["results"]
    assert {one["product"]["category"] for one in found["results"]} == {"mug"}


def test_words_alone_and_a_product_as_the_image(client: Client) -> None:
    words = client.post("/v1/search", json={"text": "a phone case with a leopard", "limit": 5})
    assert words.status_code == 200
    assert words.json()["query"]["caption"] is None
    assert words.json()["rerank"]["degraded"] == "rerank_low_trust"
    like = {"text": "this design on a mug", "image": {"product_id": "P0001"}, "limit": 5}
    found = client.post("/v1/search", json=like).json()
    assert "P0001" not in {one["product"]["id"] for one in found["results"]}
    assert len(found["results"]) == 5


def test_no_time_to_rerank_is_said_and_loses_nothing(client: Client) -> None:
    found = _search(client, text=QUERY_TEXT, limit=9, rerank={"deadline_ms": 1})
    assert [one["retrieval_rank"] for one in found["results"]] == list(range(1, 10))
    assert found["rerank"]["degraded"] == "rerank_timeout"


def test_images_are_served(client: Client) -> None:
    url = _search(client, text=QUERY_TEXT, limit=1)["results"][0]["product"]["image_url"]
    answer = client.get(url)
    assert answer.status_code == 200
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == (448, 448)


def test_the_same_query_gets_the_same_answer(client: Client) -> None:
    first, second = (_search(client, text=QUERY_TEXT, limit=9) for _ in range(2))
    assert first["results"] == second["results"]
    assert first["rerank"] == second["rerank"]
