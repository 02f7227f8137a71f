"""Scores that mean nothing are noticed while searches are answered; sound ones are left alone."""

import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.ranking import Fault, Ranking
from rerank.scorers.scorer import ScorerInfo
from rerank.strategies.reranker import RerankerStrategy
from rerank.strategies.watched import TRIALS, WatchedStrategy
from service.search.reranking.call import RerankCall
from tests.conftest import open_client
from tests.fakes import make_shop
from tests.unit.rerank.scripted_scorers import MEANINGLESS, ScriptedScorer, products, sound

PROMPTS = PromptLibrary.load()
RUNS = range(100)


def watched(scorer: ScriptedScorer, *, images: bool = True) -> WatchedStrategy:
    return WatchedStrategy(RerankerStrategy(scorer, PROMPTS), images=images)


def searches(strategy: WatchedStrategy, seed: int, count: int) -> list[RerankCall]:
    """Composed searches, each with nine candidates of its own."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        shown = rng.sample(products(), 9)
        wanted = rng.choice(shown)
        query = Query(f"a {wanted.title.split(',')[0]}", rng.choice([wanted.image, None]), caption="")
        found.append(RerankCall.answered(strategy.rerank(query, shown)))
    return found


@pytest.mark.parametrize("kind", MEANINGLESS)
def test_what_means_nothing_is_noticed_within_eight_searches(kind: str) -> None:
    for run in RUNS:
        *_, last = searches(watched(ScriptedScorer(MEANINGLESS[kind], run)), run, 8)
        assert last.degraded is Degraded.LOW_TRUST and last.outcome is not None
        assert last.outcome.ranking.order == tuple(range(9)), "the order of retrieval"
        assert last.outcome.ranking.fault is Fault.FLAT_SCORES


def test_a_sound_reranker_is_left_alone() -> None:
    for run in RUNS:
        assert not any(call.degraded for call in searches(watched(ScriptedScorer(sound, run)), run, 8))


def test_a_reranker_of_texts_is_tried_with_texts() -> None:
    texts = ScorerInfo("texts", "text", "text", instructable=False)
    for run in RUNS[:20]:
        strategy = watched(ScriptedScorer(sound, run, texts), images=False)
        outcomes = [strategy.rerank(Query("a mug"), random.Random(run).sample(products(), 9)) for _ in range(8)]
        assert not any(outcome.degraded for outcome in outcomes)


def test_products_without_images_are_tried_with_their_texts() -> None:
    plain = [Candidate(one.id, one.title, None, 0.5) for one in products()]
    for kind, is_noticed in (("random", True), ("constant", True), ("sound", False)):
        strategy = watched(ScriptedScorer({**MEANINGLESS, "sound": sound}[kind], 1))
        for start in range(8):
            strategy.rerank(Query("a mug"), plain[start : start + 9])
        assert strategy.is_distrusted is is_noticed


class Counting(RerankerStrategy):
    """Remembers how many candidates each call had; on request it fails."""

    def __init__(self, scorer: ScriptedScorer) -> None:
        super().__init__(scorer, PROMPTS)
        self.calls: list[int] = []

    def rerank(self, query: Query, candidates: Sequence[Candidate], **options: object) -> object:  # type: ignore[override]
        self.calls.append(len(candidates))
        return super().rerank(query, candidates, **options)  # type: ignore[arg-type]


def test_once_it_has_passed_it_is_tried_now_and_then() -> None:
    base = Counting(ScriptedScorer(sound, 1))
    strategy = WatchedStrategy(base)  # type: ignore[arg-type]
    for _ in range(60):
        strategy.rerank(Query("a mug"), products()[:9])
    assert base.calls.count(3) == 3 * (TRIALS + 1)


def test_a_reranker_that_was_mended_is_trusted_again() -> None:
    scorer = ScriptedScorer(MEANINGLESS["random"], 3)
    strategy = watched(scorer)
    assert searches(strategy, 3, 8)[-1].degraded
    scorer._score = sound
    assert [bool(call.degraded) for call in searches(strategy, 3, 8)][-1] is False


def test_candidates_that_are_alike_say_nothing() -> None:
    base = Counting(ScriptedScorer(MEANINGLESS["blind to the query"], 1))
    strategy = WatchedStrategy(base)  # type: ignore[arg-type]
    twins = [Candidate(str(place), "mug", products()[0].image, 0.5, "same") for place in range(9)]
    for _ in range(10):
        strategy.rerank(Query("a mug"), twins)
    assert base.calls == [9] * 10 and not strategy.is_distrusted


def test_a_trial_takes_no_time_that_the_search_needs() -> None:
    base = Counting(ScriptedScorer(MEANINGLESS["random"], 1))
    strategy = WatchedStrategy(base)  # type: ignore[arg-type]
    assert strategy.rerank(Query("a mug"), products()[:9], deadline=time.monotonic()).degraded is Degraded.TIMEOUT
    assert base.calls == [9]


def test_an_answer_says_that_the_scores_were_flat(tmp_path: Path) -> None:
    for kind in ("constant", "random"):
        strategy = watched(ScriptedScorer(MEANINGLESS[kind], 5), images=False)
        with open_client(make_shop(tmp_path / kind, strategy=strategy)) as client:
            bodies = [client.post("/v1/search", json={"text": "a mug", "limit": 9}).json() for _ in range(8)]
            counted = client.get("/metrics").text
        body = bodies[-1]
        assert (body["rerank"]["fault"], body["rerank"]["degraded"]) == ("flat_scores", "rerank_low_trust")
        assert body["rerank"]["applied"] is False
        assert [one["retrieval_rank"] for one in body["results"]] == list(range(1, 10))
        assert 'withthis_rerank_faults_total{catalog="default",fault="flat_scores"}' in counted


def test_the_order_that_is_kept_is_complete() -> None:
    outcome = searches(watched(ScriptedScorer(MEANINGLESS["random"], 0)), 0, 8)[-1].outcome
    assert outcome is not None and outcome.ranking == Ranking.identity(9, Fault.FLAT_SCORES)
