"""What a sentence is understood to ask, over HTTP: filters, values that raise, negations, and what is given up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import product as every
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from rerank.query import Query
from service.app import create_app
from service.build import assemble
from service.server.catalog import Catalog
from service.server.state import ServiceState
from service.stores.exact.exact_store import ExactStore
from tests.fakes import FakeEncoder, make_shop, png
from tests.integration.records import INFO, record

COLORS, KINDS = ("red", "blue", "grey"), ("mug", "hoodie", "cap")
Client = TestClient[Any]


def shop_of(folder: Path, **settings: Any) -> tuple[Catalog, FakeEncoder]:
    """Three colors of three kinds in an exact store, titled by motif alone; prices 5, 10, … 45."""
    shop = make_shop(folder, products=0, **settings)
    store = ExactStore()
    store.ensure(INFO)
    rows = [
        record(
            f"{color}-{kind}",
            seed=number,
            title=("Striped " if kind == "cap" else "Leopard ") + kind,
            category=kind,
            price=5.0 * (number + 1),
            attributes={"color": color},
        )
        for number, (color, kind) in enumerate(every(COLORS, KINDS))
    ]
    store.upsert([*rows, record("bare", seed=99, title="Blue hoodie", category=None, price=None)])
    parts = assemble(
        encoder=shop.encoder, store=store, images=shop.images, rerank=shop.parts.rerank, settings=shop.settings
    )
    return parts, shop.encoder


@pytest.fixture
def parts(tmp_path: Path) -> Catalog:
    return shop_of(tmp_path)[0]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with open_shop(tmp_path) as opened:
        yield opened


def open_shop(folder: Path, **settings: Any) -> Client:
    parts, _ = shop_of(folder, **settings)
    settings_of = make_shop(folder, products=0, **settings).settings
    return TestClient(
        create_app(settings_of, ServiceState.of(parts)), base_url="http://127.0.0.1:8000", raise_server_exceptions=False
    )


def ask(client: Client, text: str, **body: object) -> Any:
    response = client.post("/v1/search", json={"text": text, "rerank": {"enabled": False}, **body})
    assert response.status_code == 200, response.text
    return response.json()


def ids(answer: Mapping[str, Any]) -> list[str]:
    return [result["product"]["id"] for result in answer["results"]]


def test_values_of_the_catalog_raise_the_products_that_have_them(client: Client) -> None:
    answer = ask(client, "grey hoodies", limit=10)
    assert answer["understood"]["boost"] == {"color": ["grey"], "category": ["hoodie"]}
    assert ids(answer)[0] == "grey-hoodie" and len(ids(answer)) == 10
    shares = {result["product"]["id"]: result["scores"]["hybrid"]["boost"] for result in answer["results"]}
    assert (shares["grey-hoodie"], shares["red-hoodie"], shares["red-mug"]) == (1.0, 0.5, 0.0)
    without = ask(client, "grey hoodies", understand=False)
    assert without["understood"] is None and without["results"][0]["scores"]["hybrid"]["boost"] is None


def test_an_exact_title_stays_first_though_it_has_none_of_the_values(client: Client) -> None:
    assert ids(ask(client, "blue hoodie"))[0] == "bare"


def test_bounds_become_a_filter_that_is_joined_with_the_request_s(client: Client) -> None:
    answer = ask(client, "a mug between 10 and 35", limit=10)
    assert answer["understood"]["filter"] == {"price": {"gte": 10, "lte": 35}}
    assert answer["understood"]["text"] == "a mug"
    assert all(10 <= result["product"]["price"] <= 35 for result in answer["results"]) and len(ids(answer)) == 6
    both = ask(client, "a mug between 10 and 35", filter={"category": {"eq": "mug"}})
    assert sorted(ids(both)) == ["blue-mug", "grey-mug"]


def test_negated_values_and_words_are_left_out(client: Client) -> None:
    answer = ask(client, "a hoodie, not grey", limit=10)
    assert answer["understood"]["excluded"] == [{"text": "grey", "values": {"color": ["grey"]}}]
    assert not any("grey" in id for id in ids(answer)) and len(ids(answer)) == 7
    answer = ask(client, "something without leopards", limit=10)
    assert answer["understood"]["excluded"] == [{"text": "leopards", "values": {}}]
    assert sorted(ids(answer)) == ["bare", "blue-cap", "grey-cap", "red-cap"]


def test_conditions_are_given_up_rather_than_answering_with_nothing(client: Client) -> None:
    answer = ask(client, "a mug under 3 euros, not red", limit=10)
    assert answer["understood"]["relaxed"] == ["filter", "excluded"] and len(ids(answer)) == 10
    assert answer["understood"]["filter"] is None and answer["understood"]["excluded"] == []
    answer = ask(client, "under 6, not red", limit=10)
    assert (answer["understood"]["relaxed"], ids(answer)) == (["excluded"], ["red-mug"])
    empty = ask(client, "a mug under 20", filter={"category": {"eq": "sofa"}})
    assert empty["results"] == [] and empty["notices"] == []


def test_pages_of_an_understood_sentence_go_on_without_a_gap(client: Client) -> None:
    seen, cursor = [], None
    while True:
        answer = ask(client, "mugs over 10, no hoodie", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += ids(answer)
        cursor = answer["next_cursor"]
        if not cursor:
            break
    assert sorted(seen) == sorted(ids(ask(client, "mugs over 10, no hoodie", limit=10))) and len(set(seen)) == 5


def test_the_vector_is_made_of_what_is_searched_for(tmp_path: Path) -> None:
    parts, encoder = shop_of(tmp_path)
    with TestClient(
        create_app(make_shop(tmp_path, products=0).settings, ServiceState.of(parts)), base_url="http://127.0.0.1:8000"
    ) as http:
        ask(http, "a mug under 20, not red")
        assert encoder.seen == [Query("a mug")]
        ask(http, "a mug, no stripes")
        assert encoder.seen[1:] == [Query("a mug"), Query("stripes")]
        ask(http, "under 20")
        assert encoder.seen[3:] == [Query("under 20")]


def test_the_setting_is_the_default_and_a_request_may_differ(tmp_path: Path) -> None:
    with open_shop(tmp_path, understand_enabled=False) as client:
        assert ask(client, "a mug under 20")["understood"] is None
        assert ask(client, "a mug under 20", understand=True)["understood"]["filter"] is not None


def test_values_count_in_a_hybrid_search_alone(client: Client) -> None:
    answer = ask(client, "a grey hoodie under 20", hybrid={"enabled": False})
    assert answer["understood"]["boost"] == {} and answer["understood"]["filter"] is not None


def test_a_catalog_whose_words_are_not_held_has_its_prices_understood(tmp_path: Path) -> None:
    with open_shop(tmp_path, lexical_max_products=0) as client:
        answer = ask(client, "a grey hoodie under 20, not red", limit=10)
        assert answer["understood"]["boost"] == {} and len(ids(answer)) == 3
        assert answer["understood"]["excluded"] == [{"text": "red", "values": {}}]


@pytest.mark.parametrize("text", ["a teacup without handle", "teacup without handle mug", "mug with no handle, no cap"])
def test_a_product_that_is_without_the_same_thing_is_found_first(client: Client, text: str) -> None:
    shop = {
        "plain": "Teacup without handle mug",
        "other": "Teacup with a handle",
        "third": "Leopard mug with no handle",
        "cup": "Teacup",
    }
    for id, title in shop.items():
        product = json.dumps({"id": id, "title": title, "category": "mug"})
        files: dict[str, Any] = {"image": png("red"), "product": product}
        assert client.put("/v1/products", files=files).status_code == 200
    answer = ask(client, text, limit=100)
    assert ids(answer)[0] in ({"plain"} if "teacup" in text else {"plain", "third"})
    assert "other" not in ids(answer) and answer["understood"]["relaxed"] == []
    assert "plain" not in ids(ask(client, "a mug without a teacup", limit=100))
