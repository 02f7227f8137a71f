"""The OpenAI-compatible engine against a server of its own: whatever that does, the ranking is complete.

Against a real vLLM (any model that takes images), with the model it serves:

    WITHTHIS_TEST_VLLM_URL=http://127.0.0.1:8001/v1 WITHTHIS_TEST_VLLM_MODEL=… pytest -k real_vllm
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rerank.engines.engine import EngineRequest
from rerank.engines.openai_compatible import ChatClient, Dialect, OpenAICompatibleEngine
from rerank.errors import EngineError, EngineTimeout
from rerank.labels import LABELS
from rerank.model_server.receive import MAX_REPLY_BYTES
from rerank.prompts import PromptLibrary
from rerank.ranking import Fault, Ranking
from rerank.strategies.listwise import ListwiseStrategy
from rerank.strategies.pointwise import PointwiseStrategy
from rerank.strategies.single_token import SingleTokenStrategy
from rerank.strategies.strategy import RerankOutcome
from tests.conftest import open_client
from tests.endless_peers import DRIPS, endless_peer
from tests.fakes import make_shop
from tests.integration.model_server import (
    FAILURES,
    HTML,
    Answer,
    ModelServer,
    alternatives,
    breaks_off,
    completion,
    deaf_listener,
    drips,
    hangs,
    model_server,
    reply,
    says,
    stalls,
)
from tests.unit.rerank.fakes import candidates, picture, query
from tests.unit.rerank.test_parser import AGREED, MALFORMED

PROMPTS = PromptLibrary.load()
RANKED = '{"ranking": ["C", "A", "E", "B", "D"], "reason": "it fits"}'
KEY = "sk-secret-0123456789"

pytestmark = pytest.mark.usefixtures("no_proxy")


def engine(url: str, *, retries: int = 2, dialect: Dialect = "vllm", **options: Any) -> OpenAICompatibleEngine:
    """An engine that does not wait between its tries."""
    client = ChatClient(url, api_key=KEY, retries=retries, sleep=lambda seconds: None)
    return OpenAICompatibleEngine(client, model="m", dialect=dialect, **options)


def rerank(url: str, *, seconds: float = 20.0, n: int = 5, image: bool = False, **options: Any) -> RerankOutcome:
    """What the listwise strategy makes of the server at `url` before a deadline."""
    asked = query() if image else replace(query(), image=None)
    with closing(engine(url, **options)) as opened:
        return ListwiseStrategy(opened, PROMPTS).rerank(asked, candidates(n), deadline=time.monotonic() + seconds)


def letters(outcome: RerankOutcome) -> str:
    return "".join(LABELS[place] for place in outcome.ranking.order)


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


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("stage", ["caption", "rank"])
def test_failures_leave_the_retrieval_order(
    running: ModelServer, failure: Answer, stage: str, caplog: pytest.LogCaptureFixture
) -> None:
    running.say(*([failure] if stage == "caption" else [says("A leopard."), failure]))
    with caplog.at_level(logging.DEBUG):
        outcome = rerank(running.url, image=True)
    assert outcome.ranking == Ranking.identity(5, Fault.BACKEND_ERROR)
    assert outcome.degraded == "rerank_error"
    assert outcome.caption == (None if stage == "caption" else "A leopard.")
    assert KEY not in caplog.text


@pytest.mark.parametrize("status", [429, 503])
def test_a_full_server_is_overloaded(running: ModelServer, status: int) -> None:
    running.say(reply(status, b"busy", Retry_After="0"))
    outcome = rerank(running.url)
    assert outcome.ranking == Ranking.identity(5, Fault.BACKEND_ERROR)
    assert (outcome.degraded, len(running.bodies)) == ("rerank_overloaded", 3)


@pytest.mark.parametrize("headers", [{}, {"Content_Encoding": "gzip"}])
def test_what_an_error_says_does_not_change_what_it_is(running: ModelServer, headers: dict[str, str]) -> None:
    running.say(reply(429, gzip.compress(b" " * 2**23) if headers else b" " * 2**23, **headers))
    assert rerank(running.url).degraded == "rerank_overloaded"


@pytest.mark.parametrize("value", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_wait_beyond_the_deadline_is_not_begun(running: ModelServer, value: str) -> None:
    running.say(reply(429, b"", Retry_After=value), says(RANKED))
    outcome = rerank(running.url)
    assert (outcome.degraded, len(running.bodies)) == ("rerank_overloaded", 1)


@pytest.mark.parametrize("passing", [reply(429), reply(500), reply(502, HTML), reply(503), reply(408), breaks_off])
def test_what_passes_is_tried_again(running: ModelServer, passing: Answer) -> None:
    running.say(passing, passing, says(RANKED))
    outcome = rerank(running.url)
    assert (letters(outcome), outcome.ranking.fault, outcome.degraded) == ("CAEBD", Fault.OK, None)
    assert len(running.bodies) == 3


@pytest.mark.parametrize("lasting", [reply(401), reply(404), reply(302, Location="/v1"), reply(200, b"no")])
def test_what_lasts_is_not_tried_again(running: ModelServer, lasting: Answer) -> None:
    running.say(lasting, says(RANKED))
    assert rerank(running.url).degraded == "rerank_error"
    assert len(running.bodies) == 1


@pytest.mark.parametrize("slow", [hangs, drips, stalls])
@pytest.mark.parametrize("stage", ["caption", "rank"])
def test_a_slow_server_is_a_timeout(running: ModelServer, slow: Answer, stage: str) -> None:
    running.say(*([slow] if stage == "caption" else [says("A leopard."), slow]))
    outcome = rerank(running.url, seconds=1.0, image=True)
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(5, Fault.TIMEOUT), "rerank_timeout")
    assert outcome.caption == (None if stage == "caption" else "A leopard.")


@pytest.mark.parametrize("drip", ["headers", "interim"])
def test_headers_without_end_cost_their_deadline_and_no_slot(drip: str) -> None:
    with endless_peer(*DRIPS[drip]) as peer, closing(ChatClient(f"http://{peer.address}/v1", concurrency=1)) as asks:
        for _ in range(2):  # the second one finds the only slot free again
            with pytest.raises(EngineTimeout):
                asks.complete({}, time.monotonic() + 0.2)
        peer.mends(b'{"choices": []}')
        assert asks.complete({}, time.monotonic() + 30) == {"choices": []}


def test_a_server_that_hangs_up_is_an_error() -> None:
    with deaf_listener() as url:
        assert rerank(url).degraded == "rerank_error"


def test_a_server_that_is_not_there_is_an_error() -> None:
    with model_server() as gone:
        pass
    outcome = rerank(gone.url)
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(5, Fault.BACKEND_ERROR), "rerank_error")


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


def test_no_more_requests_at_once_than_allowed(running: ModelServer) -> None:
    running.say(hangs)
    client = ChatClient(running.url, concurrency=1, retries=0)
    with closing(OpenAICompatibleEngine(client, model="m", parallel=2)) as opened:
        request = replace(score_request("AB"), deadline=time.monotonic() + 1.0)
        with pytest.raises(EngineError):
            opened.score([request, request])
    assert len(running.bodies) == 1


def score_request(labels: str, prefix: str = "") -> EngineRequest:
    return EngineRequest("which?", (picture(),), tuple(labels), answer_prefix=prefix, deadline=time.monotonic() + 20)


def test_scores_of_several_requests_in_order(running: ModelServer) -> None:
    def by_prompt(body: dict[str, Any]) -> Any:
        high = "first" in body["messages"][0]["content"][0]["text"]
        return alternatives(("A", -0.1), (" B", -3.0))(body) if high else alternatives(("B", -0.2), ("A", -2.0))(body)

    running.say(by_prompt)
    with closing(engine(running.url)) as opened:
        first, second = replace(score_request("AB"), prompt="the first"), score_request("AB")
        assert opened.score([first, second, first]) == [(-0.1, -3.0), (-2.0, -0.2), (-0.1, -3.0)]


@pytest.mark.parametrize("answer", [says("A"), alternatives(("yes", -0.1)), reply(400), reply(401), reply(200, b"no")])
def test_scores_that_are_not_to_be_had_are_an_error(running: ModelServer, answer: Answer) -> None:
    running.say(answer)
    with closing(engine(running.url)) as opened, pytest.raises(EngineError):
        opened.score([score_request("AB"), score_request("AB")])


def test_one_token_ranks_all_candidates(running: ModelServer) -> None:
    running.say(alternatives(("C", -0.3), ("A", -1.6), ("the", -4.0), ("B", -5.0)))
    with closing(engine(running.url)) as opened:
        strategy = SingleTokenStrategy(opened, PROMPTS)
        outcome = strategy.rerank(replace(query(), image=None), candidates(5), deadline=time.monotonic() + 20)
    assert (letters(outcome), outcome.ranking.fault, outcome.degraded) == ("CABDE", Fault.OK, None)
    assert outcome.ranking.scores is not None and outcome.ranking.scores[2] == pytest.approx(0.769, abs=0.001)
    assert running.bodies[0]["messages"][-1]["content"] == '{"ranking": ["'


@pytest.mark.parametrize("layout", ["panel", "images"])
def test_one_question_a_candidate(running: ModelServer, layout: Any) -> None:
    def by_title(body: dict[str, Any]) -> Any:
        wanted = "product 3" in body["messages"][0]["content"][0]["text"]
        return alternatives(("A" if wanted else " B", -0.01), ("B" if wanted else " A", -5.0))(body)

    running.say(by_title)
    with closing(engine(running.url, layout=layout)) as opened:
        strategy = PointwiseStrategy(opened, PROMPTS)
        outcome = strategy.rerank(replace(query(), image=None), candidates(5), deadline=time.monotonic() + 20)
    assert (letters(outcome), outcome.degraded, len(running.bodies)) == ("DABCE", None, 5)
    assert {len(body["messages"]) for body in running.bodies} == {1}


@pytest.mark.parametrize("strategy", [SingleTokenStrategy, PointwiseStrategy])
@pytest.mark.parametrize(
    ("answer", "degraded"),
    [
        (says("A"), "rerank_error"),
        (reply(500), "rerank_error"),
        (reply(429), "rerank_overloaded"),
        (hangs, "rerank_timeout"),
    ],
)
def test_failures_of_scoring_leave_the_retrieval_order(
    running: ModelServer, strategy: Any, answer: Answer, degraded: str
) -> None:
    running.say(answer)
    asked, seconds = replace(query(), image=None), 1.0 if answer is hangs else 20.0
    with closing(engine(running.url)) as opened:
        outcome = strategy(opened, PROMPTS).rerank(asked, candidates(5), deadline=time.monotonic() + seconds)
    assert (letters(outcome), outcome.degraded) == ("ABCDE", degraded)


def test_a_reply_over_the_limit_is_not_read_to_its_end(running: ModelServer) -> None:
    running.say(says("a" * MAX_REPLY_BYTES))
    with closing(engine(running.url)) as opened, pytest.raises(EngineError, match="longer than"):
        opened.generate(score_request("AB"))


def test_through_the_service_a_dead_engine_costs_the_reranking_and_no_product(tmp_path: Path) -> None:
    with deaf_listener() as url, closing(engine(url, retries=1)) as opened:
        shop = make_shop(tmp_path, strategy=ListwiseStrategy(opened, PROMPTS))
        with open_client(shop) as client:
            answer = client.post("/v1/search", json={"text": "a mug", "limit": 12})
            required = client.post("/v1/search", json={"text": "a mug", "rerank": {"require": True}})
    assert answer.status_code == 200
    assert [result["retrieval_rank"] for result in answer.json()["results"]] == list(range(1, 13))
    provenance = answer.json()["rerank"]
    assert (provenance["applied"], provenance["fault"], provenance["degraded"]) == (
        False,
        "backend_error",
        "rerank_error",
    )
    assert required.status_code == 503
    assert required.json()["type"] == "urn:withthis:problem:rerank-required"


@pytest.mark.parametrize(
    ("answer", "degraded", "fault"),
    [
        (hangs, "rerank_timeout", "timeout"),
        (reply(429, b"", Retry_After="60"), "rerank_overloaded", "backend_error"),
        (reply(500, HTML), "rerank_error", "backend_error"),
        (says("I cannot do that."), "rerank_unusable", "refusal"),
    ],
)
def test_through_the_service_every_fault_has_its_reason(
    running: ModelServer, tmp_path: Path, answer: Answer, degraded: str, fault: str
) -> None:
    running.say(answer)
    options = {"deadline_ms": 1000 if answer is hangs else 20_000}
    with closing(engine(running.url)) as opened:
        shop = make_shop(tmp_path, strategy=ListwiseStrategy(opened, PROMPTS))
        with open_client(shop) as client:
            found = client.post("/v1/search", json={"text": "a mug", "rerank": options})
            required = client.post("/v1/search", json={"text": "a mug", "rerank": {**options, "require": True}})
    assert (found.status_code, required.status_code) == (200, 503)
    assert [result["retrieval_rank"] for result in found.json()["results"]] == list(range(1, 10))
    assert (found.json()["rerank"]["degraded"], found.json()["rerank"]["fault"]) == (degraded, fault)
    assert "sk-secret" not in found.text and "0x7f00" not in found.text


def test_through_the_service_the_order_is_the_models(running: ModelServer, tmp_path: Path) -> None:
    order = "IHGFEDCBA"
    running.say(says(json.dumps({"ranking": list(order), "reason": "turned around"})))
    with closing(engine(running.url)) as opened:
        shop = make_shop(tmp_path, strategy=ListwiseStrategy(opened, PROMPTS))
        with open_client(shop) as client:
            answer = client.post("/v1/search", json={"text": "a mug"}).json()
    assert [result["retrieval_rank"] for result in answer["results"]] == list(range(9, 0, -1))
    assert (answer["rerank"]["applied"], answer["rerank"]["reason"]) == (True, "turned around")


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
        listed = EngineRequest("Name a letter: A, B or C.", (picture(),), ("A", "B", "C"))
        for request in (listed, replace(listed, answer_prefix="")):
            (scores,) = opened.score([request])
            assert len(scores) == 3
