"""The search log and `POST /v1/feedback` over HTTP: from a search to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from service.search.online import evaluation
from service.search.online.log_reader import SearchLog
from service.search.online.log_writer import LogWriter
from service.search.online.recent import RecentAnswers
from service.search.online.report import Unused, interleaving_report
from tests.conftest import open_client
from tests.contract.test_errors import assert_problem
from tests.fakes import Shop, make_shop, png

QUERY = "0" * 32


def logging_shop(folder: Path, **more: Any) -> Shop:
    return make_shop(folder / "shop", **{"search_log": folder / "log", "feedback": True, **more})


def rows(folder: Path) -> list[dict[str, Any]]:
    """The log, which is whole when the service has stopped."""
    return [json.loads(line) for path in (folder / "log").iterdir() for line in path.read_text().splitlines()]


def event(**changes: Any) -> dict[str, Any]:
    return {"query_id": QUERY, "product_id": "p1", "event": "click", **changes}


def test_a_search_leaves_one_line_without_its_image(tmp_path: Path) -> None:
    body = {"text": "a mug", "limit": 4, "filter": {"category": {"eq": "mug"}}, "negative_text": "red"}
    with open_client(logging_shop(tmp_path)) as client:
        image, query = {"image": ("q.png", png("red"))}, {"query": json.dumps(body)}
        sent = client.post("/v1/search", files=image, data=query, headers={"X-API-Key": "wt_secret"})
        answer = sent.json()
        assert client.post("/v1/search", json={"text": "a", "limit": 0}).status_code == 400
        page = client.post("/v1/search", json={"text": "a", "limit": 5}).json()
        client.post("/v1/search", json={"text": "a", "limit": 5, "cursor": page["next_cursor"]})
    first, _, later = rows(tmp_path)
    assert first["id"] == answer["id"] and first["time"].endswith("+00:00")
    assert first["query"]["text"] == "a mug" and first["query"]["filter"] == {"category": {"eq": "mug"}}
    assert (
        first["query"]["negative"] == {"text": "red", "weight": 0.5, "image": None}
        and len(first["query"]["image"]) == 64
    )
    assert first["encoder"] == {"id": "fake", "fingerprint": "fake-1"}
    assert first["order"][: first["shown"]] == [result["product"]["id"] for result in answer["results"]]
    assert first["order"] == first["a"]["order"] == list(reversed(first["retrieved"]))
    assert first["a"]["strategy"] == "listwise" and first["a"]["fusion_weight"] == 1.0
    assert first["b"] is first["teams"] is first["a"]["degraded"] is None
    assert first["timings_ms"].keys() == answer["timings_ms"].keys()
    assert (later["offset"], later["a"]["strategy"]) == (5, None)
    assert "wt_secret" not in json.dumps(rows(tmp_path)) and "data:image" not in json.dumps(rows(tmp_path))


def test_the_log_holds_no_sentences_where_they_are_not_wanted(tmp_path: Path) -> None:
    with open_client(logging_shop(tmp_path, search_log_text=False)) as client:
        client.post("/v1/search", json={"text": "a mug for Ada", "negative_text": "Bob"})
    assert "Ada" not in json.dumps(rows(tmp_path)) and "Bob" not in json.dumps(rows(tmp_path))


def test_a_degraded_search_and_a_stream_are_logged_and_a_refused_one_is_not(tmp_path: Path) -> None:
    shop = logging_shop(tmp_path)
    with open_client(shop) as client:
        client.post("/v1/search/stream", json={"text": "a mug"})
        shop.strategy.raises = RuntimeError()
        client.post("/v1/search", json={"text": "a mug"})
        assert client.post("/v1/search", json={"text": "a mug", "rerank": {"require": True}}).status_code == 503
    assert [row["a"]["degraded"] for row in rows(tmp_path)] == [None, "rerank_error"]


@pytest.mark.parametrize("more", [{}, {"search_log": "log"}])
def test_feedback_is_refused_where_it_is_off(tmp_path: Path, more: dict[str, Any]) -> None:
    chosen = {name: tmp_path / folder for name, folder in more.items()}
    with open_client(make_shop(tmp_path / "shop", **chosen)) as client:
        response = client.post("/v1/feedback", json=event())
        assert response.status_code == 404 and response.json()["type"].endswith(":feedback-off")
        assert_problem(response)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (event(event="stare"), "/event"),
        (event(query_id="../../etc/passwd"), "/query_id"),
        (event(product_id=""), "/product_id"),
        (event(position=0), "/position"),
        (event(user="Ada"), "/user"),
        ([event(), event(event=1)], "/1/event"),
        ([], ""),
        ([event()] * 101, ""),
        ("click", ""),
    ],
)
def test_feedback_that_is_none_is_refused_with_its_place(feedback: TestClient[Any], body: Any, pointer: str) -> None:
    response = feedback.post("/v1/feedback", json=body)
    assert response.status_code == 400
    assert_problem(response)
    assert response.json()["errors"][0]["pointer"] == pointer


@pytest.fixture(scope="module")
def feedback(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service that takes feedback."""
    with open_client(logging_shop(tmp_path_factory.mktemp("feedback"))) as client:
        yield client


def test_feedback_on_a_product_that_was_not_shown_is_refused_where_that_is_known(tmp_path: Path) -> None:
    with open_client(logging_shop(tmp_path)) as client:
        answer = client.post("/v1/search", json={"text": "a mug", "limit": 3}).json()
        shown = [result["product"]["id"] for result in answer["results"]]
        other = next(f"p{number}" for number in range(20) if f"p{number}" not in shown)
        right = event(query_id=answer["id"], product_id=shown[0])
        for wrong in ("nonsense", other):
            response = client.post("/v1/feedback", json=[right, {**right, "product_id": wrong}])
            assert_problem(response)
            assert response.status_code == 400 and [place["pointer"] for place in response.json()["errors"]] == ["/1"]
        assert client.post("/v1/feedback", json=[right]).status_code == 202
        elsewhere = event(product_id="nonsense")  # of an answer that another process may have given
        assert client.post("/v1/feedback", json=elsewhere).status_code == 202
    assert [row["product_id"] for row in rows(tmp_path) if row["kind"] == "feedback"] == [shown[0], "nonsense"]


def test_only_the_last_answers_are_remembered() -> None:
    recent = RecentAnswers(most=2)
    for id in ("a", "b", "c"):
        recent.add(id, [id])
    assert [recent.lacked(id, "x") for id in ("a", "b", "c")] == [False, True, True]
    assert not recent.lacked("c", "c")


def test_a_log_that_cannot_keep_up_refuses_feedback_and_no_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "LogWriter", lambda lines, count: LogWriter(lines, count, capacity=1))
    monkeypatch.setattr(LogWriter, "start", lambda self: None)  # nothing is ever taken from the queue
    with open_client(logging_shop(tmp_path)) as client:
        answers = [client.post("/v1/search", json={"text": "a mug"}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        response = client.post("/v1/feedback", json=event())
        assert response.status_code == 429 and response.headers["retry-after"] == "1"
        assert 'withthis_search_log_lines_total{catalog="default",result="dropped"} 3.0' in client.get("/metrics").text


@pytest.mark.parametrize(
    ("rival", "rerank_enabled", "calls"),
    [({"fusion_weight": 0.5}, True, 1), ({}, False, 1), ({"prompt": "rank-panel-brief"}, True, 2)],
)
def test_each_call_of_the_model_is_counted_once(
    tmp_path: Path, rival: dict[str, Any], rerank_enabled: bool, calls: int
) -> None:
    chosen = {"interleave": rival, "interleave_share": 1.0, "rerank_enabled": rerank_enabled}
    with open_client(logging_shop(tmp_path, **chosen)) as client:
        assert client.post("/v1/search", json={"text": "a mug"}).json()["rerank"]["interleaved"]
        assert f'withthis_rerank_faults_total{{catalog="default",fault="ok"}} {calls}.0' in client.get("/metrics").text


def test_from_an_interleaved_search_to_the_report(tmp_path: Path) -> None:
    chosen = {"interleave": {"fusion_weight": 0.0}, "interleave_share": 1.0}
    with open_client(logging_shop(tmp_path, **chosen)) as client:
        for _ in range(12):
            answer = client.post("/v1/search", json={"text": "a mug", "limit": 6}).json()
            assert answer["rerank"]["interleaved"] and len(answer["results"]) == 6
            # This user likes what retrieval puts first, which is what B shows first.
            best = min(answer["results"], key=lambda result: result["retrieval_rank"])
            told = event(query_id=answer["id"], product_id=best["product"]["id"], position=best["rank"])
            taken = client.post("/v1/feedback", json=[told, told, {**told, "event": "purchase"}])
            assert taken.status_code == 202 and taken.json() == {"accepted": 3}
        assert not client.post("/v1/search", json={"text": "a", "rerank": {"candidates": 3}}).json()["rerank"][
            "interleaved"
        ]
        client.post("/v1/feedback", json=event())
    report = interleaving_report(SearchLog(tmp_path / "log"))
    (comparison,) = report.comparisons
    click, cart, purchase = comparison.preferences
    assert (comparison.searches, report.searches, click.wins_b, click.wins_a, cart.share_b) == (12, 13, 12, 0, None)
    assert purchase.p == pytest.approx(2 / 2**12) and report.unused[Unused.UNKNOWN_QUERY] == 1
