"""One pass, ordered by label logits: what it asks, what it makes of scores, and that rotations cancel position bias."""

import math
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rerank.caption_cache import CaptionCache
from rerank.engines.engine import EngineRequest
from rerank.errors import EngineError, EngineOverloaded, EngineTimeout, PromptError
from rerank.prompts import PromptLibrary
from rerank.ranking import Fault, Ranking
from rerank.strategies.single_token import SingleTokenStrategy
from rerank.strategies.strategy import Strategy
from tests.unit.rerank.fakes import FakeEngine, candidates, query

PROMPTS = PromptLibrary.load()


def strategy(engine: FakeEngine, rotations: int = 1, cache: CaptionCache | None = None) -> SingleTokenStrategy:
    return SingleTokenStrategy(engine.scoring(), PROMPTS, cache, rotations=rotations)


def shown(request: EngineRequest) -> list[int]:
    """The numbers in the titles of a rank prompt, in the order of the labels."""
    lines = [line for line in request.prompt.splitlines() if line[1:11] == ": product "]
    return [int(line.rpartition(" ")[2]) for line in lines]


def by_title(worth: Callable[[int], float], bias: Callable[[int], float] = lambda place: 0.0) -> FakeEngine:
    """An engine that sees a product's worth, plus something for the place it stands at."""
    return FakeEngine(
        logits=lambda request: tuple(worth(number) + bias(place) for place, number in enumerate(shown(request)))
    )


def test_it_is_a_strategy() -> None:
    built: Strategy = strategy(FakeEngine())
    assert built.name == "single-token"


def test_candidates_are_ordered_by_logit_and_scored_by_softmax() -> None:
    engine = FakeEngine(logits=lambda request: (1.0, 0.0, 3.0))
    outcome = strategy(engine).rerank(query(), candidates(3))
    assert outcome.ranking == Ranking((2, 0, 1), scores=outcome.ranking.scores)
    assert outcome.ranking.scores == pytest.approx((0.1142, 0.0420, 0.8438), abs=1e-4)
    assert (outcome.caption, outcome.strategy, outcome.prompt) == ("a leopard", "single-token", "rank-panel@2")
    assert (outcome.raw, outcome.generated_tokens) == ("", 3)


def test_it_captions_then_scores_one_request_and_decodes_no_ranking() -> None:
    engine = FakeEngine()
    outcome = strategy(engine).rerank(query(), candidates(3))
    assert [request.labels for request in engine.asked] == [()]
    (request,) = engine.scored
    assert (request.labels, request.answer_prefix) == (("A", "B", "C"), '{"ranking": ["')
    assert request.images == (outcome.panel,)
    assert "a leopard" in request.prompt


def test_images_one_by_one_turn_with_their_titles() -> None:
    engine, asked, found = FakeEngine().taking("images"), query(), candidates(4)
    strategy(engine, rotations=2).rerank(asked, found)
    first, second = engine.scored
    assert first.images == (asked.image, *(one.image for one in found))
    assert second.images == (asked.image, *(found[place].image for place in (2, 3, 0, 1)))
    assert (shown(first), shown(second)) == ([0, 1, 2, 3], [2, 3, 0, 1])


def test_all_rotations_cancel_whatever_a_place_adds() -> None:
    def worth(number: int) -> float:
        return float((number * 5) % 7)

    biased = by_title(worth, bias=lambda place: -3.0 * place * place)
    best = tuple(sorted(range(7), key=lambda number: -worth(number)))
    assert strategy(biased).rerank(query(), candidates(7)).ranking.order != best
    assert strategy(biased, rotations=7).rerank(query(), candidates(7)).ranking.order == best
    assert strategy(biased, rotations=99).rerank(query(), candidates(7)).ranking.order == best


@given(st.integers(1, 9), st.integers(1, 12))
def test_rotations_are_different_and_begin_with_the_retrieval_order(n: int, rotations: int) -> None:
    engine = FakeEngine().taking("images")
    outcome = strategy(engine, rotations).rerank(query(), candidates(n))
    arranged = [tuple(shown(request)) for request in engine.scored]
    assert len(arranged) == len(set(arranged)) == min(n, rotations)
    assert arranged[0] == tuple(range(n))
    assert sorted(outcome.ranking.order) == list(range(n))


def test_equal_logits_keep_the_retrieval_order() -> None:
    engine = FakeEngine(logits=lambda request: (0.0,) * 5)
    assert strategy(engine).rerank(query(), candidates(5)).ranking.order == (0, 1, 2, 3, 4)


def test_logits_too_far_apart_for_probabilities_still_order() -> None:
    engine = FakeEngine(logits=lambda request: (-5e3, -4e3, 0.0))
    assert strategy(engine).rerank(query(), candidates(3)).ranking.order == (2, 1, 0)


def test_more_candidates_than_the_engine_takes_follow_unscored_and_are_said_not_to_be_placed() -> None:
    engine = FakeEngine(logits=lambda request: (0.0, 0.0, 1.0))
    engine.info = replace(engine.info, max_candidates=3)
    ranking = strategy(engine).rerank(query(), candidates(30)).ranking
    assert ranking.order == (2, 0, 1, *range(3, 30))
    assert (ranking.fault, ranking.repaired) == (Fault.MISSING, tuple(range(3, 30)))
    assert ranking.scores is not None and ranking.scores[3:] == (None,) * 27


def test_labels_without_a_logit_are_completed_and_said() -> None:
    engine = FakeEngine(logits=lambda request: (-math.inf, 1.0, -math.inf, 2.0))
    ranking = strategy(engine).rerank(query(), candidates(4)).ranking
    assert (ranking.order, ranking.fault, ranking.repaired) == ((3, 1, 0, 2), Fault.MISSING, (0, 2))
    assert ranking.scores is not None and [score is None for score in ranking.scores] == [True, False, True, False]
    none = FakeEngine(logits=lambda request: (-math.inf,) * 4)
    assert strategy(none).rerank(query(), candidates(4)).ranking.fault is Fault.REFUSAL


@pytest.mark.parametrize("row", [(), (1.0,), (1.0, 2.0, 3.0, 4.0), (1.0, math.nan, 0.0), (math.inf, 0.0, 0.0)])
def test_scores_that_cannot_be_used_are_a_fault_of_the_engine(row: tuple[float, ...]) -> None:
    outcome = strategy(FakeEngine(logits=lambda request: row)).rerank(query(), candidates(3))
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(3, Fault.BACKEND_ERROR), "rerank_error")


@pytest.mark.parametrize(
    ("error", "fault", "degraded"),
    [
        (EngineTimeout("slow"), Fault.TIMEOUT, "rerank_timeout"),
        (EngineOverloaded("full"), Fault.BACKEND_ERROR, "rerank_overloaded"),
        (EngineError("down"), Fault.BACKEND_ERROR, "rerank_error"),
        (MemoryError(), Fault.BACKEND_ERROR, "rerank_error"),
    ],
)
def test_engine_faults_leave_the_retrieval_order(error: Exception, fault: Fault, degraded: str) -> None:
    outcome = strategy(FakeEngine(logits=error)).rerank(query(), candidates(12))
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(12, fault), degraded)
    assert outcome.caption == "a leopard"


def test_an_answer_after_the_deadline_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def late(request: EngineRequest) -> tuple[float, ...]:
        now[0] += 10
        return (0.0, 1.0, 2.0)

    outcome = strategy(FakeEngine(logits=late)).rerank(query(), candidates(3), deadline=105.0)
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(3, Fault.TIMEOUT), "rerank_timeout")


def test_a_passed_deadline_asks_nothing() -> None:
    engine = FakeEngine()
    outcome = strategy(engine).rerank(query(), candidates(3), deadline=time.monotonic() - 1)
    assert (outcome.degraded, engine.asked, engine.scored) == ("rerank_timeout", [], [])


def test_without_candidates_nothing_is_asked() -> None:
    engine = FakeEngine()
    outcome = strategy(engine).rerank(query(), [])
    assert (outcome.ranking.order, engine.asked, engine.scored) == ((), [], [])


def test_the_caption_is_shared_with_other_strategies() -> None:
    engine, cache = FakeEngine(), CaptionCache()
    for _ in range(2):
        strategy(engine, cache=cache).rerank(query(), candidates(3))
    assert (len(engine.asked), len(engine.scored)) == (1, 2)


def test_wrong_prompts_and_settings_are_refused_at_once() -> None:
    with pytest.raises(PromptError):
        strategy(FakeEngine()).rerank(query(), candidates(3), prompt="match-panel")
    with pytest.raises(ValueError, match="at least one rotation"):
        strategy(FakeEngine(), rotations=0)
