"""The OpenAI-compatible engine against a server of its own: whatever that does, the ranking is complete.

Against a real vLLM (any model that takes images), with the model it serves:

    WITHTHIS_TEST_VLLM_URL=http://127.0.0.1:8001/v1 WITHTHIS_TEST_VLLM_MODEL=… pytest -k real_vllm
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from rerank.engines.engine import EngineRequest
from rerank.engines.openai_compatible import ChatClient, Dialect, OpenAICompatibleEngine
from rerank.ranking import Fault
from rerank.strategies.listwise import ListwiseStrategy
from tests.integration.model_server import (
    Answer,
    ModelServer,
    completion,
    reply,
    says,
)
from tests.integration.openai_engine import KEY, PROMPTS, RANKED, engine, letters, rerank
from tests.unit.rerank.fakes import candidates, query, sample_image
from tests.unit.rerank.test_parser import AGREED, MALFORMED

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.mark.parametrize("dialect", ["vllm", "json_schema", "regex", "none"])
def test_a_good_answer_becomes_the_ranking(running: ModelServer, dialect: Dialect) -> None:
    running.say(says("A leopard."), says(RANKED))
    outcome = rerank(running.url, image=True, dialect=dialect)
    assert (letters(outcome), outcome.ranking.fault, outcome.degraded) == ("CAEBD", Fault.OK, None)
    assert (outcome.caption, outcome.ranking.reason) == ("A leopard.", "it fits")
    assert (outcome.engine, outcome.prompt) == ("openai-compatible/m", "rank-panel@2")
    assert (outcome.prompt_tokens, outcome.generated_tokens) == (200, 40)


def test_what_goes_over_the_wire(running: ModelServer) -> None:
    running.say(says("A leopard."), says(RANKED))
    rerank(running.url, image=True)
    caption, rank = running.bodies
    assert "structured_outputs" not in caption
    assert rank["structured_outputs"]["grammar"].startswith("start: ")
    assert [headers["authorization"] for headers in running.headers] == [f"Bearer {KEY}"] * 2
    assert running.headers[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize("layout", ["panel", "images"])
def test_both_layouts_send_their_images(running: ModelServer, layout: Any) -> None:
    running.say(says("A leopard."), says(RANKED))
    rerank(running.url, image=True, layout=layout)
    parts = running.bodies[-1]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text"] + ["image_url"] * (1 if layout == "panel" else 6)


@pytest.mark.parametrize(("text", "order", "fault"), AGREED + MALFORMED)
def test_malformed_answers_are_repaired_and_named(running: ModelServer, text: str, order: str, fault: str) -> None:
    running.say(says(text))
    outcome = rerank(running.url)
    assert (letters(outcome), outcome.ranking.fault.value, outcome.degraded) == (order, fault, None)


@pytest.mark.parametrize(
    ("answer", "order", "fault"),
    [
        (says('{"ranking": ["C", "A", "E"', "length"), "CAEBD", Fault.TRUNCATED),
        (says(RANKED[:-5], "length"), "CAEBD", Fault.OK),
        (says("a" * 2**20), "ABCDE", Fault.TRUNCATED),
        (says(RANKED + "a" * 2**20), "CAEBD", Fault.OK),
        (says(None, refusal="I cannot rank [C] before [A]."), "ABCDE", Fault.REFUSAL),
        (says(None), "ABCDE", Fault.REFUSAL),
        (says("", "content_filter"), "ABCDE", Fault.REFUSAL),
        (says(None, tool_calls=[{"type": "function", "function": {"name": "rank"}}]), "ABCDE", Fault.REFUSAL),
        (says([{"type": "text", "text": RANKED[:20]}, {"type": "text", "text": RANKED[20:]}]), "CAEBD", Fault.OK),
        (says({"ranking": ["C"]}), "ABCDE", Fault.REFUSAL),
        (says(RANKED, "stop", reasoning_content="[E, D, C, B, A]"), "CAEBD", Fault.OK),
        (says(None, reasoning_content=RANKED), "CAEBD", Fault.OK),
        (says("", reasoning=f"\n{RANKED}\n"), "CAEBD", Fault.OK),
        (says(None, reasoning_content=f"It could be {RANKED}, but the second one fits better"), "ABCDE", Fault.REFUSAL),
        (says(None, reasoning_content=f"The order is {RANKED}"), "ABCDE", Fault.REFUSAL),
        (says(None, reasoning=RANKED.replace('"D"', '"E"')), "ABCDE", Fault.REFUSAL),
        (says(None, reasoning=RANKED.replace(', "D"', "")), "ABCDE", Fault.REFUSAL),
        (says(None, reasoning="[C, A, E, B, D]"), "ABCDE", Fault.REFUSAL),
        (says(None, reasoning=[RANKED]), "ABCDE", Fault.REFUSAL),
        (says(None, reasoning_content="I would say [C] first", refusal="No."), "ABCDE", Fault.REFUSAL),
        (reply(content=json.dumps(completion(RANKED)).encode(), media_type="text/html"), "CAEBD", Fault.OK),
        (reply(content=json.dumps({**completion(RANKED), "usage": "none"}).encode()), "CAEBD", Fault.OK),
        (reply(content=json.dumps(completion(RANKED)).encode("utf-16")), "CAEBD", Fault.OK),
    ],
)
def test_odd_answers(running: ModelServer, answer: Answer, order: str, fault: Fault) -> None:
    running.say(answer)
    outcome = rerank(running.url)
    assert (letters(outcome), outcome.ranking.fault, outcome.degraded) == (order, fault, None)
    assert len(outcome.raw.encode()) <= 64 * 1024


def test_a_refused_constraint_is_left_out_from_then_on(running: ModelServer, caplog: pytest.LogCaptureFixture) -> None:
    def picky(body: dict[str, Any]) -> Any:
        refused = "structured_outputs" in body
        return reply(400, b'{"error": "extra_forbidden"}')(body) if refused else says("[C, A, E, B, D]")(body)

    running.say(picky)
    with closing(engine(running.url)) as opened:
        strategy = ListwiseStrategy(opened, PROMPTS)
        for _ in range(3):
            outcome = strategy.rerank(replace(query(), image=None), candidates(5))
            assert (letters(outcome), outcome.ranking.fault, outcome.degraded) == ("CAEBD", Fault.OK, None)
    assert ["structured_outputs" in body for body in running.bodies] == [True, False, False, False]
    assert caplog.text.count("refuses the ranking constraint") == 1


def test_another_refusal_does_not_cost_the_constraint(running: ModelServer) -> None:
    running.say(reply(400), reply(400), says(RANKED))
    with closing(engine(running.url)) as opened:
        strategy = ListwiseStrategy(opened, PROMPTS)
        asked = replace(query(), image=None)
        assert strategy.rerank(asked, candidates(5)).degraded == "rerank_error"
        assert strategy.rerank(asked, candidates(5)).degraded is None
    assert ["structured_outputs" in body for body in running.bodies] == [True, False, True]


REAL = os.environ.get("WITHTHIS_TEST_VLLM_URL")


@pytest.mark.slow
@pytest.mark.skipif(REAL is None, reason="WITHTHIS_TEST_VLLM_URL names no vLLM to test against")
def test_a_real_vllm() -> None:
    """With the guidance backend no answer needs a repair, and the labels of one token have scores."""
    client = ChatClient(REAL or "", api_key=os.environ.get("WITHTHIS_TEST_VLLM_KEY"))
    model = os.environ["WITHTHIS_TEST_VLLM_MODEL"]
    with closing(OpenAICompatibleEngine(client, model=model)) as opened:
        for n in (1, 2, 9):
            outcome = ListwiseStrategy(opened, PROMPTS).rerank(query(), candidates(n))
            assert (outcome.degraded, outcome.ranking.fault, outcome.ranking.repaired) == (None, Fault.OK, ())
            assert outcome.caption
        assert opened._refused == set()
        listed = EngineRequest("Name a letter: A, B or C.", (sample_image(),), ("A", "B", "C"))
        for request in (listed, replace(listed, answer_prefix="")):
            (scores,) = opened.score([request])
            assert len(scores) == 3
