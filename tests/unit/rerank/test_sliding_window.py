"""Windows over any strategy: complete for every n, faithful to a good ranker, honest about faults."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rerank.candidates import Candidate
from rerank.caption_cache import CaptionCache
from rerank.degraded import Degraded
from rerank.engines.engine import EngineRequest, Generation
from rerank.errors import EngineError, EngineTimeout, PromptError
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.ranking import Fault, Ranking
from rerank.strategies.faults import merged
from rerank.strategies.listwise import ListwiseStrategy
from rerank.strategies.sliding_window import SlidingWindowStrategy, windows
from rerank.strategies.strategy import RerankOutcome, ScoreScale, Strategy
from tests.unit.rerank.fakes import FakeEngine, candidates, query, says

PROMPTS = PromptLibrary.load()
SHAPES = st.tuples(st.integers(0, 60), st.integers(2, 20), st.integers(1, 19)).filter(lambda shape: shape[2] < shape[1])


@dataclass
class Scripted:
    """A strategy that answers window after window as the test says; without a script, best number first."""

    script: list[Ranking] = field(default_factory=list)
    degraded: dict[int, Degraded] = field(default_factory=dict)
    """By the number of the window, from 0."""
    worth: dict[str, float] = field(default_factory=dict)
    calls: list[list[str]] = field(default_factory=list)
    name: str = "scripted"
    instructable: bool = True
    scale: ScoreScale = "relative"

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        *,
        prompt: str | None = None,
        deadline: float | None = None,
    ) -> RerankOutcome:
        number = len(self.calls)
        self.calls.append([one.id for one in candidates])
        order = sorted(range(len(candidates)), key=lambda place: -self.worth.get(candidates[place].id, 0.0))
        ranking = self.script[number] if self.script else Ranking(tuple(order), scores=(0.5,) * len(candidates))
        return RerankOutcome(
            replace(ranking, reason=f"window {number}"),
            "a leopard",
            "fake",
            self.name,
            "rank-panel@2",
            raw=f"raw {number}",
            timings_ms={"caption": 1.0, "rerank": 2.0},
            prompt_tokens=10,
            generated_tokens=3,
            degraded=self.degraded.get(number),
        )


def sliding(base: Strategy, window: int = 4, step: int = 2) -> SlidingWindowStrategy:
    return SlidingWindowStrategy(base, window=window, step=step)


def test_it_is_a_strategy() -> None:
    built: Strategy = sliding(Scripted())
    assert built.name == "sliding-window"


@given(SHAPES)
def test_windows_cover_every_place_overlap_and_end_at_the_front(shape: tuple[int, int, int]) -> None:
    n, window, step = shape
    found = list(windows(n, window, step))
    assert found[0][1] == n and found[-1][0] == 0
    assert {place for start, end in found for place in range(start, end)} == set(range(n))
    assert all(end - start == min(n, window) for start, end in found)
    for (start, _), (next_start, next_end) in itertools.pairwise(found):
        assert next_start < start and next_end - start >= window - step


@given(SHAPES, st.randoms(use_true_random=False))
def test_a_faithful_ranker_brings_the_best_to_the_front(shape: tuple[int, int, int], rng: random.Random) -> None:
    n, window, step = shape
    worth = rng.sample(range(n), n)
    base = Scripted(worth={f"p{place}": float(value) for place, value in enumerate(worth)})
    order = sliding(base, window, step).rerank(query(), candidates(n)).ranking.order
    best = sorted(range(n), key=lambda place: -worth[place])
    assert sorted(order) == list(range(n))
    assert list(order[: window - step]) == best[: window - step]


@given(SHAPES, st.integers(0, 2**32), st.booleans())
def test_an_adversarial_engine_loses_nothing(shape: tuple[int, int, int], seed: int, constrained: bool) -> None:
    n, window, step = shape
    rng = random.Random(seed)

    def evil(request: EngineRequest) -> Generation:
        kind = rng.randrange(8)
        if kind == 0:
            raise rng.choice([EngineTimeout(), EngineError(), ValueError(), KeyError("x")])
        letters = [rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.randrange(30))]
        texts = [
            '{"ranking": ["' + '", "'.join(letters) + '"]}',
            " > ".join(f"[{x}]" for x in letters),
            "no",
            request.prompt,
        ]
        return says(rng.choice(texts), rng.choice(["stop", "length"]))

    engine = FakeEngine(evil, evil).taking("images", constrained=constrained)
    engine.info = replace(engine.info, max_candidates=rng.randrange(1, 27))
    base = ListwiseStrategy(engine, PROMPTS)
    outcome = sliding(base, window, step).rerank(query(), candidates(n))
    assert sorted(outcome.ranking.order) == list(range(n))
    assert (outcome.degraded is not None) == (outcome.ranking.fault in (Fault.TIMEOUT, Fault.BACKEND_ERROR))
    if outcome.degraded is not None:
        assert outcome.ranking.order == tuple(range(n))


@pytest.mark.parametrize("n", range(5))
def test_fewer_candidates_than_a_window_are_the_base_strategy(n: int) -> None:
    base = Scripted()
    outcome = sliding(base).rerank(query(), candidates(n))
    assert base.calls == [[f"p{place}" for place in range(n)]]
    expected = replace(Scripted().rerank(query(), candidates(n)), strategy="sliding-window")
    assert outcome == expected and outcome.ranking.scores == (0.5,) * n


def test_the_outcome_is_that_of_the_window_with_the_best_and_sums() -> None:
    outcome = sliding(Scripted()).rerank(query(), candidates(8))
    assert (outcome.ranking.reason, outcome.raw) == ("window 2", "raw 2")
    assert outcome.timings_ms == {"caption": 3.0, "rerank": 6.0}
    assert (outcome.prompt_tokens, outcome.generated_tokens) == (30, 9)
    assert outcome.ranking.scores is None, "scores of different windows cannot be compared"


def test_repairs_count_where_a_candidate_was_last_seen() -> None:
    turned = Ranking((3, 2, 1, 0), Fault.MISSING, (1, 0))
    base = Scripted([turned, Ranking((0, 1, 2, 3))])
    ranking = sliding(base).rerank(query(), candidates(6)).ranking
    assert base.calls == [["p2", "p3", "p4", "p5"], ["p0", "p1", "p5", "p4"]]
    assert ranking.order == (0, 1, 5, 4, 3, 2)
    assert (ranking.fault, ranking.repaired) == (Fault.MISSING, (3, 2))
    base = Scripted([Ranking((0, 1, 2, 3)), Ranking((0, 1, 2, 3), Fault.REPETITION, (2,))])
    assert sliding(base).rerank(query(), candidates(6)).ranking == Ranking(
        (0, 1, 2, 3, 4, 5), Fault.REPETITION, (2,), "window 1"
    )


def test_a_refused_window_leaves_the_others_standing() -> None:
    refused = Ranking.completed((), 4, Fault.REFUSAL)
    ranking = sliding(Scripted([refused, Ranking((3, 2, 1, 0))])).rerank(query(), candidates(6)).ranking
    assert (ranking.order, ranking.fault, ranking.repaired) == ((3, 2, 1, 0, 4, 5), Fault.MISSING, (4, 5))
    ranking = sliding(Scripted([refused, refused])).rerank(query(), candidates(6)).ranking
    assert (ranking.fault, ranking.repaired) == (Fault.REFUSAL, (0, 1, 2, 3, 4, 5))


def test_a_failed_window_stops_the_sweep_and_leaves_the_retrieval_order() -> None:
    turned, failed = Ranking((3, 2, 1, 0)), Ranking.identity(4, Fault.TIMEOUT)
    base = Scripted([turned, failed, turned], {1: Degraded.TIMEOUT})
    outcome = sliding(base).rerank(query(), candidates(8))
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(8, Fault.TIMEOUT), "rerank_timeout")
    assert len(base.calls) == 2


@pytest.mark.parametrize("caption", ["a leopard", ""])
def test_the_image_is_captioned_once_even_where_no_caption_is_kept(caption: str) -> None:
    engine = FakeEngine(says('{"ranking": ["B", "A"]}'), caption=says(caption))
    base = ListwiseStrategy(engine, PROMPTS, CaptionCache(0))
    outcome = sliding(base).rerank(query(image_hash=None), candidates(12))
    assert sum(not request.labels for request in engine.asked) == 1
    assert sum(bool(request.labels) for request in engine.asked) == 5
    assert all(f"<caption>{caption}<" in request.prompt for request in engine.asked if request.labels)
    assert outcome.caption == (caption or None)


def test_a_wrong_prompt_is_told_also_without_candidates() -> None:
    base = ListwiseStrategy(FakeEngine(), PROMPTS)
    for n in (0, 12):
        with pytest.raises(PromptError):
            sliding(base).rerank(query(), candidates(n), prompt="nothing")


@pytest.mark.parametrize(("window", "step"), [(4, 4), (4, 5), (4, 0), (1, 1), (0, 0)])
def test_windows_that_cannot_overlap_are_refused(window: int, step: int) -> None:
    with pytest.raises(ValueError, match="cannot overlap"):
        sliding(Scripted(), window, step)


@given(st.lists(st.sampled_from(Fault)))
def test_merged_faults_hide_no_fault(faults: list[Fault]) -> None:
    found = merged(faults)
    assume(faults)
    assert (found is Fault.OK) == (set(faults) == {Fault.OK})
    assert found in faults or found is Fault.MISSING
    assert merged(faults * 2) is found and merged(faults[::-1]) is found
