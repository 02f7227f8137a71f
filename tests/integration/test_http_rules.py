"""Rules over HTTP: put, applied after reranking and on every page, named in the answer, turned off by a request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from service.stores.exact.exact_store import ExactStore
from tests.conftest import open_client
from tests.fakes import make_shop
from tests.integration.test_http_retrieval import ask, ids, pages

Client = TestClient[Any]


@pytest.fixture
def ruled(tmp_path: Path) -> Iterator[Client]:
    """A service with an empty file of rules, over a store that evaluates filters."""
    path = tmp_path / "rules.yaml"
    path.write_text("")
    shop = make_shop(tmp_path, rules=path)
    store = ExactStore()
    store.ensure(shop.encoder.info)
    store.upsert(list(shop.store.rows.values()))
    shop.parts.store = shop.parts.pipeline._retriever._store = shop.parts.words._store = store
    with open_client(shop) as client:
        yield client


def put(client: Client, *rules: dict[str, Any]) -> None:
    response = client.put("/v1/rules", json={"rules": list(rules)})
    assert response.status_code == 200, response.text
    assert client.get("/v1/rules").json() == response.json() == {"rules": list(rules)}, "as they were put"


def pin(name: str, id: str, position: int = 1, **more: Any) -> dict[str, Any]:
    return {"name": name, "pin": [{"product_id": id, "position": position}], **more}


@pytest.mark.parametrize("enabled", [True, False])
def test_rules_follow_reranking_and_the_answer_names_them(ruled: Client, enabled: bool) -> None:
    rerank = {"enabled": enabled}
    before = ids(ask(ruled, limit=20, rerank=rerank))
    put(
        ruled,
        pin("pinned", before[9], 2),
        {"name": "gone", "exclude": {"id": {"eq": before[0]}}},
        {"name": "last", "last": {"id": {"eq": before[1]}}},
        {"name": "other words", "when": {"exact": ["nothing like it"]}, "exclude": {"id": {"eq": before[2]}}},
        {"name": "no product", "exclude": {"id": {"eq": "unknown"}}},
    )
    answer = ask(ruled, limit=20, rerank=rerank)
    rest = [id for id in before[2:] if id != before[9]]
    if not enabled:
        assert ids(answer) == [rest[0], before[9], *rest[1:], before[1]]
    assert ids(answer)[1] == before[9] and ids(answer)[-1] == before[1]
    assert sorted(ids(answer)) == sorted(before[1:])
    assert answer["rules"] == ["pinned", "gone", "last"]
    assert [result["rules"] for result in answer["results"]].count([]) == 17
    assert answer["results"][1]["rules"] == ["pinned"] and answer["results"][-1]["rules"] == ["last"]
    assert [result["rank"] for result in answer["results"]] == list(range(1, 20))
    off = ask(ruled, limit=20, rerank=rerank, apply_rules=False)
    assert ids(off) == before and off["rules"] == []


@pytest.mark.parametrize("size", [1, 4, 7])
def test_pages_under_rules_hold_every_product_once(ruled: Client, size: int) -> None:
    before = ids(ask(ruled, limit=20))
    put(
        ruled,
        pin("far", before[15], 6),
        {"name": "gone", "exclude": {"id": {"in": before[:3]}}},
        {"name": "up", "boost": {"filter": {"id": {"in": before[10:13]}}, "weight": 100}},
    )
    found = [id for answer in pages(ruled, size) for id in ids(answer)]
    assert sorted(found) == sorted(before[3:])
    assert found[:3] == before[10:13] and found[5] == before[15]


def test_a_pinned_product_that_was_not_found_is_fetched_if_it_passes_the_filter(ruled: Client) -> None:
    everything = ask(ruled, limit=20)["results"]
    lowest = everything[-1]
    put(ruled, pin("pinned", lowest["product"]["id"]))
    answer = ask(ruled, limit=3, min_score=everything[2]["scores"]["retrieval"])
    assert ids(answer)[0] == lowest["product"]["id"] and answer["results"][0]["retrieval_rank"] == 4
    assert answer["results"][0]["scores"]["retrieval"] == pytest.approx(lowest["scores"]["retrieval"], abs=1e-5)
    others = ask(ruled, limit=20, filter={"id": {"ne": lowest["product"]["id"]}})
    assert ids(others) == ids({"results": everything[:-1]}) and others["rules"] == []


def test_a_sorted_search_keeps_its_order_without_the_excluded(ruled: Client) -> None:
    sort = [{"field": "price", "order": "asc"}]
    before = ids(ask(ruled, limit=20, sort=sort))
    put(ruled, pin("pinned", before[9]), {"name": "gone", "exclude": {"id": {"eq": before[0]}}})
    answer = ask(ruled, limit=20, sort=sort)
    assert ids(answer) == before[1:] and answer["rules"] == ["gone"]


@pytest.mark.parametrize(
    ("rules", "pointer"),
    [
        ([{"name": "a"}], "/rules/0"),
        ([{"name": "a", "exclude": {}}], "/rules/0/exclude"),
        ([{"name": "a", "bury": {"filter": {"price": {"gt": 1}}, "weight": 0}}], "/rules/0/bury/weight"),
        ([{"name": "a", "exclude": {"price": {"gt": 1}}}] * 2, ""),
    ],
)
def test_rules_that_are_not_valid_change_nothing(ruled: Client, rules: list[Any], pointer: str) -> None:
    put(ruled, pin("kept", "p1"))
    response = ruled.put("/v1/rules", json={"rules": rules})
    assert response.status_code == 400
    assert pointer in [error["pointer"] for error in response.json()["errors"]]
    assert [rule["name"] for rule in ruled.get("/v1/rules").json()["rules"]] == ["kept"]


def test_a_service_without_a_file_of_rules_keeps_none(client: Client) -> None:
    assert client.get("/v1/rules").json() == {"rules": []}
    response = client.put("/v1/rules", json={"rules": []})
    assert response.status_code == 404 and response.json()["type"].endswith(":rules-off")


@pytest.mark.parametrize("shaped", [{"collapse": {"threshold": 0.01}}, {"group_by": {"field": "category", "size": 50}}])
def test_a_pinned_product_is_shown_once_whatever_it_looks_like(ruled: Client, shaped: dict[str, Any]) -> None:
    before = ask(ruled, limit=20, **shaped)["results"]
    behind = [one["product_id"] for one in before[0]["duplicates"]]
    behind += [one["product"]["id"] for one in (before[0]["group"] or {"members": []})["members"]]
    put(ruled, pin("pinned", behind[-1], 2), {"name": "gone", "exclude": {"id": {"eq": behind[0]}}})
    answer = ask(ruled, limit=20, **shaped)["results"]
    assert answer[1]["product"]["id"] == behind[-1] and answer[1]["rules"] == ["pinned"]
    shown = [result["product"]["id"] for result in answer]
    shown += [one["product_id"] for result in answer for one in result["duplicates"]]
    shown += [one["product"]["id"] for result in answer if result["group"] for one in result["group"]["members"]]
    assert sorted(shown) == sorted(f"p{n}" for n in range(20) if f"p{n}" != behind[0])
