"""The OpenAI-compatible engine over a server that fails, is full, slow or gone: the retrieval order is the answer."""

from __future__ import annotations

import asyncio
import gzip
import logging
import time
from contextlib import closing
from typing import Any

import pytest

from rerank.engines.openai_compatible import ChatClient, OpenAICompatibleEngine
from rerank.errors import EngineError, EngineTimeout
from rerank.model_server.receive import MAX_REPLY_BYTES
from rerank.ranking import Fault, Ranking
from tests.endless_peers import DRIPS, endless_peer
from tests.integration.model_server import (
    FAILURES,
    HTML,
    Answer,
    ModelServer,
    alternatives,
    breaks_off,
    deaf_listener,
    drips,
    hangs,
    model_server,
    reply,
    says,
    stalls,
)
from tests.integration.openai_engine import KEY, RANKED, engine, letters, rerank, score_request

pytestmark = pytest.mark.usefixtures("no_proxy")


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


def test_no_more_requests_at_once_than_allowed(running: ModelServer) -> None:
    answer, in_progress, seen = alternatives(("A", -0.1), ("B", -3.0)), set[int](), list[int]()

    async def counted(body: dict[str, Any]) -> Any:
        in_progress.add(id(body))
        seen.append(len(in_progress))
        await asyncio.sleep(0.02)  # others would come now
        in_progress.remove(id(body))
        return answer(body)

    running.say(counted)
    client = ChatClient(running.url, concurrency=1, retries=0)
    with closing(OpenAICompatibleEngine(client, model="m", parallel=4)) as opened:
        assert len(opened.score([score_request("AB")] * 6)) == 6
    assert seen == [1] * 6


def test_a_reply_over_the_limit_is_not_read_to_its_end(running: ModelServer) -> None:
    running.say(says("a" * MAX_REPLY_BYTES))
    with closing(engine(running.url)) as opened, pytest.raises(EngineError, match="longer than"):
        opened.generate(score_request("AB"))
