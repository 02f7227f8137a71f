"""Each candidate alone: what is asked, how two logits become a probability, and that no product is lost."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rerank.engines.engine import EngineRequest
from rerank.errors import EngineTimeout, LayoutError, PromptError
from rerank.prompts import PromptLibrary
from rerank.ranking import Fault, Ranking
from rerank.strategies.pointwise import BATCH, PointwiseStrategy
from rerank.strategies.strategy import Strategy
from tests.unit.rerank.fakes import FakeEngine, candidates, query

PROMPTS = PromptLibrary.load()
ROW = st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False))


def strategy(engine: FakeEngine, match: str = "match") -> PointwiseStrategy:
    return PointwiseStrategy(engine.scoring(match), PROMPTS)


def number(request: EngineRequest) -> int:
    """The number in the one title of a match prompt."""
    return int(request.prompt.partition("<product>product ")[2].partition("<")[0])


def rows(*found: tuple[float, float]) -> FakeEngine:
    return FakeEngine(logits=lambda request: found[number(request)])


def test_it_is_a_strategy() -> None:
    built: Strategy = strategy(FakeEngine())
    assert built.name == "pointwise"


def test_the_score_is_the_probability_of_a_match() -> None:
    ranking = strategy(rows((0.0, 0.0), (2.0, 1.0), (-3.0, 4.0))).rerank(query(), candidates(3)).ranking
    assert (ranking.order, ranking.fault, ranking.repaired) == ((1, 0, 2), Fault.OK, ())
    assert ranking.scores == pytest.approx((0.5, 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(7))))


def test_each_product_is_asked_about_alone_after_one_caption() -> None:
    engine, asked, found = FakeEngine(), query(), candidates(3)
    outcome = strategy(engine).rerank(asked, found)
    assert len(engine.asked) == 1
    assert [number(request) for request in engine.scored] == [0, 1, 2]
    for request, one in zip(engine.scored, found, strict=True):
        assert request.images == (asked.image, one.image)
        assert (request.labels, request.answer_prefix) == (("A", "B"), "")
        assert all(text in request.prompt for text in ("a phone case with this", "a leopard", "A. Match"))
    assert (outcome.prompt, outcome.panel) == ("match@2", None)


def test_a_model_of_one_image_gets_a_panel_each() -> None:
    engine = FakeEngine()
    outcome = strategy(engine, "match-panel").rerank(query(), candidates(2))
    assert [request.images[0].size for request in engine.scored] == [(600, 300), (600, 300)]
    assert (outcome.prompt, outcome.panel) == ("match-panel@2", None)


def test_any_number_of_candidates_is_scored_in_batches() -> None:
    engine, calls = FakeEngine(), list[int]()
    original = engine.score

    class Counting(FakeEngine):
        def score(self, requests):  # type: ignore[no-untyped-def]
            calls.append(len(requests))
            return original(requests)

    outcome = strategy(Counting()).rerank(query(), candidates(30))
    assert calls == [BATCH, BATCH, BATCH, 30 - 3 * BATCH]
    assert len(outcome.ranking.order) == 30


def test_probabilities_that_round_to_one_are_still_told_apart() -> None:
    ranking = strategy(rows((100.0, 0.0), (300.0, 0.0), (200.0, 0.0))).rerank(query(), candidates(3)).ranking
    assert ranking.order == (1, 2, 0)
    assert ranking.scores == (1.0, 1.0, 1.0)


def test_one_missing_logit_is_an_answer_and_two_are_none() -> None:
    no = -math.inf
    ranking = strategy(rows((no, no), (no, -1.0), (-9.0, no))).rerank(query(), candidates(3)).ranking
    assert (ranking.order, ranking.fault, ranking.repaired) == ((2, 1, 0), Fault.MISSING, (0,))
    assert ranking.scores == (None, 0.0, 1.0)


@given(st.lists(ROW.filter(lambda row: math.inf not in row), max_size=20))
def test_every_product_is_ranked_once_whatever_the_logits(found: list[tuple[float, float]]) -> None:
    outcome = strategy(rows(*found)).rerank(query(), candidates(len(found)))
    ranking = outcome.ranking
    assert sorted(ranking.order) == list(range(len(found)))
    scores = ranking.scores or ()
    known = [score for place in ranking.order if scores and (score := scores[place]) is not None]
    assert known == sorted(known, reverse=True) and all(0.0 <= score <= 1.0 for score in known)
    assert outcome.degraded is None


def test_a_deadline_between_two_batches_is_the_retrieval_order(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def slow(request: EngineRequest) -> tuple[float, ...]:
        now[0] += 1
        return (float(number(request)), 0.0)

    engine = FakeEngine(logits=slow)
    outcome = strategy(engine).rerank(query(), candidates(30), deadline=110.0)
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(30, Fault.TIMEOUT), "rerank_timeout")
    assert len(engine.scored) == 2 * BATCH


def test_a_failing_engine_is_declared() -> None:
    outcome = strategy(FakeEngine(logits=EngineTimeout())).rerank(query(), candidates(3))
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(3, Fault.TIMEOUT), "rerank_timeout")
    short = FakeEngine(logits=lambda request: (1.0,))
    assert strategy(short).rerank(query(), candidates(3)).degraded == "rerank_error"


def test_products_and_queries_without_images_are_judged_too() -> None:
    engine = FakeEngine()
    found = [replace(one, image=None) for one in candidates(2)]
    strategy(engine).rerank(replace(query(), image=None), found)
    assert [len(request.images) for request in engine.scored] == [1, 1]


def test_prompts_have_to_be_for_matching_and_laid_out_alike() -> None:
    with pytest.raises(PromptError):
        PointwiseStrategy(FakeEngine(), PROMPTS)
    with pytest.raises(PromptError):
        strategy(FakeEngine()).rerank(query(), [], prompt="rank-panel")
    with pytest.raises(LayoutError):
        strategy(FakeEngine(), "match").rerank(query(), [], prompt="match-panel")
