"""The starter behind the engine seam: real answers, and every way to fail mapped to the error tree."""

import random
import threading
import time

import pytest
from PIL import Image

from rerank.engines.base import EngineRequest
from rerank.engines.starter import StarterEngine
from rerank.errors import EngineError, EngineOverloaded, EngineTimeout
from rerank.prompts import PromptLibrary
from rerank.ranking import Fault
from rerank.strategies.listwise import ListwiseStrategy
from starter.artwork import motif
from starter.rendering import KINDS, render_motif, render_product
from starter.vlm import StarterVLM
from tests.unit.rerank.fakes import candidates, query


@pytest.fixture(scope="module")
def engine() -> StarterEngine:
    return StarterEngine(StarterVLM.load())


def _wares(count: int) -> list[Image.Image]:
    rng = random.Random(5)
    return [render_product(kind, "white", motif("fluent", "1f406"), rng) for kind in list(KINDS)[:count]]


def _leopard() -> Image.Image:
    return render_motif(motif("noto", "1f406"), random.Random(3))


def test_a_rank_request_gives_json_and_scores(engine: StarterEngine) -> None:
    answer = engine.generate(EngineRequest("a mug with this", (_leopard(), *_wares(3)), ("A", "B", "C"), 96))
    assert answer.text.startswith('{"ranking": ["')
    assert answer.finish == "stop"
    assert len(answer.label_scores or ()) == 3
    assert answer.prompt_tokens > 0


def test_the_listwise_strategy_over_it_is_whole_and_explained(engine: StarterEngine) -> None:
    strategy = ListwiseStrategy(engine, PromptLibrary.load())
    shown = candidates(12)
    outcome = strategy.rerank(query("a mug with this"), shown)
    assert sorted(outcome.ranking.order) == list(range(12))
    assert outcome.ranking.fault == Fault.OK
    assert outcome.ranking.order[9:] == (9, 10, 11)
    assert outcome.caption
    assert outcome.ranking.reason
    assert outcome.degraded is None


def test_a_passed_deadline_is_a_timeout(engine: StarterEngine) -> None:
    with pytest.raises((EngineTimeout, EngineOverloaded)):
        engine.generate(EngineRequest("", (_leopard(),), (), 8, time.monotonic() - 1))


def test_too_many_candidates_are_an_engine_error(engine: StarterEngine) -> None:
    with pytest.raises(EngineError):
        engine.generate(EngineRequest("mug", tuple(_wares(10)), tuple("ABCDEFGHIJ"), 96))


def test_a_busy_model_is_overload(engine: StarterEngine) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with engine._turn(None):
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(30)
        with pytest.raises(EngineOverloaded):
            engine.generate(EngineRequest("", (_leopard(),), (), 8, time.monotonic() + 0.05))
    finally:
        release.set()
        holder.join()
