"""Scores by the OpenAI-compatible engine: the log-probabilities of one token."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from rerank.errors import EngineError
from rerank.ranking import Fault
from rerank.strategies.pointwise import PointwiseStrategy
from rerank.strategies.single_token import SingleTokenStrategy
from tests.integration.model_server import (
    Answer,
    ModelServer,
    alternatives,
    hangs,
    reply,
    says,
)
from tests.integration.openai_engine import PROMPTS, engine, letters, score_request
from tests.unit.rerank.fakes import candidates, query

pytestmark = pytest.mark.usefixtures("no_proxy")


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
