"""Whatever the engine does: 200 with the retrieval order and the reason, 503 where it was required, and counted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rerank.engines.engine import EngineRequest, Generation
from rerank.errors import EngineError, EngineOverloaded, EngineTimeout
from rerank.prompts import PromptLibrary
from rerank.strategies.listwise import ListwiseStrategy
from tests.conftest import open_client
from tests.fakes import make_shop
from tests.unit.rerank.fakes import Answer, FakeEngine, says

PROMPTS = PromptLibrary.load()
ANSWERS: dict[str, tuple[Answer, str, str]] = {
    "slow": (EngineTimeout("slow"), "timeout", "rerank_timeout"),
    "full": (EngineOverloaded("full"), "backend_error", "rerank_overloaded"),
    "down": (EngineError("down at 10.0.0.1"), "backend_error", "rerank_error"),
    "broken": (RuntimeError("CUDA error at 0x7f"), "backend_error", "rerank_error"),
    "no memory": (MemoryError(), "backend_error", "rerank_error"),
    "garbage": (says("lorem ipsum " * 20_000), "truncated", "rerank_unusable"),
    "refusal": (says("I cannot help with that."), "refusal", "rerank_unusable"),
    "silence": (says(""), "refusal", "rerank_unusable"),
}


def counted(client: Any, name: str, label: str, value: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    start = f'withthis_{name}_total{{catalog="default",{label}="{value}"}} '
    return sum(float(line.removeprefix(start)) for line in lines if line.startswith(start))


@pytest.fixture(params=ANSWERS)
def trouble(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Any, str, str]]:
    """A client of a service whose engine is in trouble, the fault class, and the reason."""
    answer, fault, reason = ANSWERS[request.param]
    with open_client(make_shop(tmp_path, strategy=ListwiseStrategy(FakeEngine(answer), PROMPTS))) as client:
        yield client, fault, reason


def test_the_retrieval_order_stands_in_and_says_why(trouble: tuple[Any, str, str]) -> None:
    client, fault, reason = trouble
    response = client.post("/v1/search", json={"text": "a mug"})
    assert response.status_code == 200
    body = response.json()
    assert [result["retrieval_rank"] for result in body["results"]] == list(range(1, 10))
    assert (body["rerank"]["applied"], body["rerank"]["fault"], body["rerank"]["degraded"]) == (False, fault, reason)
    assert not any(word in response.text for word in ("CUDA", "0x7f", "10.0.0.1", "Traceback"))
    assert counted(client, "rerank_faults", "fault", fault) == 1
    assert counted(client, "degraded", "reason", reason) == 1


def test_where_it_is_required_it_is_503_and_counted_too(trouble: tuple[Any, str, str]) -> None:
    client, fault, reason = trouble
    response = client.post("/v1/search", json={"text": "a mug", "rerank": {"require": True}})
    assert response.status_code == 503
    assert response.json()["type"] == "urn:withthis:problem:rerank-required"
    assert not any(word in response.text for word in ("CUDA", "0x7f", "10.0.0.1", "Traceback"))
    assert counted(client, "rerank_faults", "fault", fault) == 1
    assert counted(client, "degraded", "reason", reason) == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"ranking": ["I", "H", "G", "F", "E", "D", "C", "B", "A"]}', "ok"),
        ('{"ranking": ["I", "H"]}', "missing"),
        ('{"ranking": ["I", "I", "H", "G", "F", "E", "D", "C", "B", "A"]}', "repetition"),
        ('{"ranking": ["I", "Z", "H", "G", "F", "E", "D", "C", "B", "A"]}', "out_of_range"),
        ("[I] > [H] > [G]", "wrong_format"),
    ],
)
def test_faults_that_can_be_mended_are_applied_and_counted_by_class(tmp_path: Path, text: str, fault: str) -> None:
    strategy = ListwiseStrategy(FakeEngine(says(text)), PROMPTS)
    with open_client(make_shop(tmp_path, strategy=strategy)) as client:
        body = client.post("/v1/search", json={"text": "a mug", "rerank": {"require": True}}).json()
        assert (body["rerank"]["applied"], body["rerank"]["fault"]) == (True, fault)
        assert body["results"][0]["retrieval_rank"] == 9
        assert sorted(result["retrieval_rank"] for result in body["results"]) == list(range(1, 10))
        assert counted(client, "rerank_faults", "fault", fault) == 1


def test_an_engine_that_ignores_its_deadline_is_left_behind(tmp_path: Path) -> None:
    let_go = threading.Event()

    def stuck(request: EngineRequest) -> Generation:
        let_go.wait(30)
        return says('{"ranking": ["A"]}')

    engine: Callable[[EngineRequest], Generation] = stuck
    strategy = ListwiseStrategy(FakeEngine(engine), PROMPTS)
    with open_client(make_shop(tmp_path, strategy=strategy)) as client:
        body = client.post("/v1/search", json={"text": "a mug", "rerank": {"deadline_ms": 20}}).json()
        let_go.set()
        assert (body["rerank"]["degraded"], body["rerank"]["fault"]) == ("rerank_timeout", "timeout")
        assert len(body["results"]) == 9


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        ("It is the closest in shape.", None),
        ("A blue one.", "wrong_color"),
        ("It costs €1.", "wrong_price"),
    ],
)
def test_a_reason_that_the_catalog_contradicts_is_not_shown(tmp_path: Path, reason: str, fault: str | None) -> None:
    answer = says(json.dumps({"ranking": list("ABCDEFGHI"), "reason": reason}))
    with open_client(make_shop(tmp_path, strategy=ListwiseStrategy(FakeEngine(answer), PROMPTS))) as client:
        body = client.post("/v1/search", json={"text": "a mug"}).json()
        shown = None if fault else reason
        rerank = body["rerank"]
        assert (rerank["reason"], rerank["reason_fault"], rerank["fault"]) == (shown, fault, "ok")
        assert counted(client, "reason_faults", "fault", fault or "") == (1 if fault else 0)
