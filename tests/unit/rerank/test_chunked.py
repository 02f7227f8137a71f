"""Windows side by side, merged by calibrated scores: complete whatever is answered, and all calls at once."""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.errors import EngineError, EngineTimeout, PromptError
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.ranking import Fault, Ranking
from rerank.strategies.captioning import Captioner
from rerank.strategies.chunked import ChunkedStrategy, calibrated, chunks, filled, scored_places
from rerank.strategies.listwise import ListwiseStrategy
from rerank.strategies.pointwise import PointwiseStrategy
from rerank.strategies.sliding_window import windows
from rerank.strategies.strategy import RerankOutcome, ScoreScale
from tests.unit.rerank.fakes import FakeEngine, candidates, query, says

PROMPTS = PromptLibrary.load()
ENGINE = FakeEngine().taking("images").scoring("match")


@dataclass
class Scripted:
    """A strategy that ranks by worth, or as the test says."""

    name: str
    worth: dict[str, float] = field(default_factory=dict)
    meets: threading.Barrier | None = None
    degraded: Degraded | None = None
    instructable: bool = True
    scale: ScoreScale = "relative"
    calls: list[list[str]] = field(default_factory=list)
    prompts: list[str | None] = field(default_factory=list)

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        *,
        prompt: str | None = None,
        deadline: float | None = None,
    ) -> RerankOutcome:
        ids = [one.id for one in candidates]
        if ids:
            self.calls.append(ids)
            self.prompts.append(prompt)
            if self.meets is not None:
                self.meets.wait(30)
        scores = [self.worth.get(one, 0.5) for one in ids]
        order = sorted(range(len(ids)), key=lambda place: -scores[place])
        ranking = Ranking(tuple(order), reason=f"{len(self.calls)}", scores=tuple(scores))
        return RerankOutcome(
            ranking if self.degraded is None else Ranking.identity(len(ids), Fault.TIMEOUT),
            query.caption,
            "fake",
            self.name,
            "rank-panel@2",
            prompt_tokens=1,
            degraded=self.degraded,
        )


def chunked(listwise: Scripted, pointwise: Scripted, engine: FakeEngine | None = None) -> ChunkedStrategy:
    return ChunkedStrategy(listwise, pointwise, Captioner(engine or FakeEngine(), PROMPTS))


def worths(n: int, seed: int = 0) -> dict[str, float]:
    return {f"p{place}": value for place, value in enumerate(random.Random(seed).sample(range(1000), n))}


def test_calibration_is_the_nearest_sequence_that_never_rises() -> None:
    assert calibrated([0.8, 0.9, 0.3, 0.1, 0.2]) == pytest.approx([0.85, 0.85, 0.3, 0.15, 0.15])
    assert calibrated([0.1, 0.2, 0.3]) == pytest.approx([0.2] * 3)
    assert calibrated([3, 2, 1]) == [3, 2, 1] and calibrated([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_calibration_keeps_the_sum_and_never_rises(scores: list[float]) -> None:
    found = calibrated(scores)
    assert sum(found) == pytest.approx(sum(scores))
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(found))


@pytest.mark.parametrize("n", range(2, 101))
def test_chunks_hold_every_place_once_five_to_nine_in_each(n: int) -> None:
    parts = list(chunks(n, 9))
    assert sorted(place for part in parts for place in part) == list(range(n))
    assert max(map(len, parts)) <= 9 and (n <= 9 or min(map(len, parts)) >= 5)


@pytest.mark.parametrize("n", [2, 9, 10, 27, 50, 100])
def test_faithful_rankers_put_all_that_are_scored_in_their_true_order(n: int) -> None:
    worth = worths(n)
    strategy = chunked(Scripted("listwise", worth), Scripted("pointwise", worth))
    found = strategy.rerank(query(), candidates(n)).ranking
    true = sorted(range(n), key=lambda place: -worth[f"p{place}"])
    scored = {part[0] for part in chunks(n, 9)} if n <= 9 else set()
    for part in chunks(n, 9):
        best = [place for place in true if place in part]
        scored |= {*best[:3], best[-1]}
    assert [place for place in found.order if place in scored] == [place for place in true if place in scored]
    assert found.order[0] == true[0] and found.order[-1] == true[-1]
    assert found.fault is Fault.OK and found.scores is not None and None not in found.scores


def test_scores_between_are_on_straight_lines() -> None:
    assert [scored_places(n) for n in (5, 9)] == [[0, 1, 2, 4], [0, 1, 2, 8]]
    assert filled([0, 1, 2, 4], [0.9, 0.8, 0.4, 0.2]) == pytest.approx([0.9, 0.8, 0.4, 0.3, 0.2])


def test_within_a_window_the_listwise_order_stands() -> None:
    worth = worths(50, 1)
    strategy = chunked(Scripted("listwise", worth), Scripted("pointwise", worths(50, 2)))
    order = strategy.rerank(query(), candidates(50)).ranking.order
    for part in chunks(50, 9):
        kept = [place for place in order if place in part]
        assert kept == sorted(part, key=lambda place: -worth[f"p{place}"])


def test_all_windows_are_begun_at_once_and_all_scores_after_them() -> None:
    """Three calls in sequence with the caption, where a sliding window makes thirteen."""
    listwise, pointwise = Scripted("listwise", meets=threading.Barrier(6)), Scripted("pointwise")
    engine = FakeEngine()
    outcome = chunked(listwise, pointwise, engine).rerank(query(), candidates(50), prompt="rank-panel")
    assert (outcome.caption, len(engine.asked), outcome.degraded) == ("a leopard", 1, None)
    assert (len(listwise.calls), len(pointwise.calls), len(list(windows(50, 9, 4)))) == (6, 1, 12)
    assert len(pointwise.calls[0]) == 24, "four of each window"
    assert (listwise.prompts, pointwise.prompts) == (["rank-panel"] * 6, [None])
    assert outcome.prompt_tokens == 5 + 7


def test_one_window_is_the_listwise_strategy() -> None:
    listwise, pointwise = Scripted("listwise", {"p3": 0.9}), Scripted("pointwise")
    outcome = chunked(listwise, pointwise).rerank(query(), candidates(9))
    assert (outcome.ranking.order[0], outcome.strategy, pointwise.calls) == (3, "chunked", [])


@pytest.mark.parametrize("which", [0, 1])
def test_a_call_that_fails_leaves_the_order_of_retrieval(which: int) -> None:
    pair = [Scripted("listwise", worths(50)), Scripted("pointwise", worths(50))]
    pair[which].degraded = Degraded.TIMEOUT
    outcome = chunked(pair[0], pair[1]).rerank(query(), candidates(50))
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(50, Fault.TIMEOUT), Degraded.TIMEOUT)


def test_a_caption_that_fails_does_so_too() -> None:
    for error, degraded in ((EngineTimeout("slow"), Degraded.TIMEOUT), (EngineError("down"), Degraded.ERROR)):
        strategy = chunked(Scripted("listwise"), Scripted("pointwise"), FakeEngine(caption=error))
        outcome = strategy.rerank(query(), candidates(50))
        assert (outcome.ranking.order, outcome.degraded, outcome.strategy) == (tuple(range(50)), degraded, "chunked")


def test_a_wrong_prompt_is_told_before_any_call() -> None:
    engine = FakeEngine().scoring("match")
    shared = engine, PROMPTS
    strategy = ChunkedStrategy(ListwiseStrategy(*shared), PointwiseStrategy(*shared), Captioner(*shared))
    with pytest.raises(PromptError):
        strategy.rerank(query(), candidates(50), prompt="none")
    assert not engine.asked and not engine.scored


def test_windows_below_five_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 5"):
        ChunkedStrategy(Scripted("a"), Scripted("b"), Captioner(FakeEngine(), PROMPTS), window=4)


@settings(max_examples=60)
@given(n=st.integers(2, 100), seed=st.integers(0, 2**32), window=st.integers(5, 9))
def test_it_is_complete_whatever_the_engine_says(n: int, seed: int, window: int) -> None:
    rng = random.Random(seed)

    def answer(request: object) -> object:
        labels = "ABCDEFGHIJZ?"
        said = [rng.choice(labels) for _ in range(rng.randrange(12))]
        return rng.choice([says(str(said)), says(", ".join(said)), says("", "length"), says(f'{{"ranking": {said}}}')])

    def logits(request: object) -> tuple[float, ...]:
        return tuple(rng.choice([rng.uniform(-9, 9), -float("inf"), 0.0]) for _ in range(2))

    engine = replace(FakeEngine(answer, logits=logits), info=ENGINE.info)  # type: ignore[arg-type]
    shared = engine, PROMPTS
    strategy = ChunkedStrategy(ListwiseStrategy(*shared), PointwiseStrategy(*shared), Captioner(*shared), window=window)
    plain = [replace(one, image=None) for one in candidates(n)]
    outcome = strategy.rerank(Query("a mug"), plain)
    assert sorted(outcome.ranking.order) == list(range(n))
    assert outcome.degraded is None and outcome.strategy == "chunked"
