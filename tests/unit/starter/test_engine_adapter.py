"""The starter behind the engine seam: real answers, and every way to fail mapped to the error tree."""

import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from rerank.engines.engine import EngineRequest
from rerank.errors import EngineError, EngineOverloaded, EngineTimeout
from rerank.prompts import PromptLibrary
from rerank.ranking import Fault
from rerank.strategies.listwise import ListwiseStrategy
from rerank.strategies.single_token import SingleTokenStrategy
from rerank.strategies.sliding_window import SlidingWindowStrategy
from starter.artwork import motif
from starter.embedder import StarterEmbedder
from starter.engine_adapter import StarterEngine
from starter.looks import Look
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
    scores = dict(zip("ABC", answer.label_scores or (), strict=True))
    assert json.loads(answer.text)["ranking"] == sorted("ABC", key=lambda label: -scores[label])
    assert (answer.finish, answer.generated_tokens) == ("stop", 0)


def test_the_listwise_strategy_over_it_is_whole_and_explained(engine: StarterEngine) -> None:
    strategy = ListwiseStrategy(engine, PromptLibrary.load())
    wares = _wares(12)
    shown = [replace(one, image=image) for one, image in zip(candidates(12), wares, strict=True)]
    outcome = strategy.rerank(replace(query("a mug with this"), image=_leopard()), shown)
    assert sorted(outcome.ranking.order) == list(range(12))
    assert (outcome.ranking.fault, outcome.ranking.repaired) == (Fault.MISSING, (9, 10, 11))
    assert outcome.ranking.order[9:] == (9, 10, 11)
    assert outcome.caption in ("a leopard", "an animal")
    assert outcome.ranking.reason
    assert outcome.degraded is None


def test_candidates_unlike_those_of_its_training_are_not_ranked(engine: StarterEngine) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (3, 96, 96, 3), np.uint8)
    strange = EngineRequest("a mug", (_leopard(), *map(Image.fromarray, noise)), ("A", "B", "C"))
    answer = engine.generate(strange)
    assert (json.loads(answer.text), answer.label_scores) == ({"ranking": ["A", "B", "C"]}, (0.0, 0.0, 0.0))
    assert engine.score([strange]) == [(0.0, 0.0, 0.0)]
    known = engine.generate(EngineRequest("a mug", (_leopard(), *_wares(3)), ("A", "B", "C")))
    assert len(set(known.label_scores or ())) == 3


def test_of_what_it_does_not_know_it_says_nothing(engine: StarterEngine) -> None:
    blank = Image.new("RGB", (64, 64), "white")
    caption = engine.generate(EngineRequest("", (blank,)))
    ranked = engine.generate(EngineRequest("a mug", (blank,), ("A",)))
    assert (caption.text, json.loads(ranked.text)) == ("", {"ranking": ["A"]})


def _request(text: str, count: int, **values: object) -> EngineRequest:
    return EngineRequest(text, (_leopard(), *_wares(count)), tuple("ABCDEFGHIJ"[:count]), 96, **values)  # type: ignore[arg-type]


def test_scores_are_those_of_the_first_step_of_generation(engine: StarterEngine) -> None:
    asked = [_request("a mug with this", 3), _request("a red cap", 5)]
    scores = engine.score(asked)
    assert engine.info.can_score
    for request, row in zip(asked, scores, strict=True):
        assert row == pytest.approx(engine.generate(request).label_scores, abs=1e-4)
    assert engine.score([]) == []


def test_what_it_cannot_score_is_an_engine_error(engine: StarterEngine) -> None:
    for request in (_request("", 0), _request("mug", 2, answer_prefix=""), _request("mug", 10)):
        with pytest.raises(EngineError):
            engine.score([request])
    with pytest.raises((EngineTimeout, EngineOverloaded)):
        engine.score([_request("mug", 2, deadline=time.monotonic() - 1)])


@pytest.mark.parametrize("rotations", [1, 3])
def test_single_token_over_it_ranks_and_scores_everything(engine: StarterEngine, rotations: int) -> None:
    strategy = SingleTokenStrategy(engine, PromptLibrary.load(), rotations=rotations)
    outcome = strategy.rerank(query("a mug with this"), candidates(12))
    ranking = outcome.ranking
    assert sorted(ranking.order) == list(range(12))
    assert (ranking.fault, ranking.repaired, outcome.degraded) == (Fault.MISSING, (9, 10, 11), None)
    assert ranking.scores is not None and sum(score for score in ranking.scores if score) == pytest.approx(1.0)
    assert ranking.scores[9:] == (None,) * 3


def test_windows_let_it_rank_more_than_nine(engine: StarterEngine) -> None:
    strategy = SlidingWindowStrategy(ListwiseStrategy(engine, PromptLibrary.load()), window=9, step=4)
    rng = random.Random(5)
    rose, leopard = (motif("fluent", code) for code in ("1f339", "1f406"))
    shown = [replace(one, image=render_product("cap", "white", rose, rng)) for one in candidates(14)]
    shown[13] = replace(shown[13], image=render_product("mug", "white", leopard, rng))
    asked = replace(query("a mug with this"), image=_leopard())
    outcome = strategy.rerank(asked, shown)
    assert sorted(outcome.ranking.order) == list(range(14))
    assert outcome.ranking.order[0] == 13, "from the last place to the first in one sweep"
    assert (outcome.ranking.fault, outcome.degraded) == (Fault.OK, None)


def test_a_passed_deadline_is_a_timeout(engine: StarterEngine) -> None:
    with pytest.raises((EngineTimeout, EngineOverloaded)):
        engine.generate(EngineRequest("", (_leopard(),), (), 8, deadline=time.monotonic() - 1))


def test_too_many_candidates_are_an_engine_error(engine: StarterEngine) -> None:
    with pytest.raises(EngineError):
        engine.generate(EngineRequest("mug", tuple(_wares(10)), tuple("ABCDEFGHIJ"), 96))


def test_a_busy_model_is_overload(engine: StarterEngine) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with engine._turns.take(None):
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(30)
        with pytest.raises(EngineOverloaded):
            engine.generate(EngineRequest("", (_leopard(),), (), 8, deadline=time.monotonic() + 0.05))
    finally:
        release.set()
        holder.join()


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of images that were looked at together."""
    found: list[int] = []
    look = StarterEmbedder.look

    def counting(self: StarterEmbedder, images: Sequence[Image.Image], *, keep: bool = False) -> Look:
        found.append(len(images))
        return look(self, images, keep=keep)

    monkeypatch.setattr(StarterEmbedder, "look", counting)
    return found


def test_an_image_whose_hash_is_known_is_looked_at_once(engine: StarterEngine, looked: list[int]) -> None:
    keeping = StarterEngine(engine._vlm, cache_size=4)
    first = keeping.generate(_request("a mug with this", 3, image_keys=("q", "a", "b", None)))
    again = keeping.generate(_request("a mug with this", 3, image_keys=("q", "a", "b", None)))
    assert looked == [1, 3, 1], "only the picture without a hash is looked at again"
    assert again.text == first.text
    assert again.label_scores == pytest.approx(first.label_scores, abs=1e-4)
    keeping.generate(_request("a mug with this", 3, image_keys=("q", "c", "d", "e")))
    keeping.generate(_request("a mug with this", 1, image_keys=("q", "a")))
    assert looked == [1, 3, 1, 3, 1], "the least recently used were let go"
    assert {name: len(cache) for name, cache in keeping.caches.items()} == {"seen": 1, "features": 4}


def test_features_rank_as_the_images_do_that_they_were_extracted_of(engine: StarterEngine, looked: list[int]) -> None:
    asked = _request("a mug with this", 4)
    features = engine.extract(asked.images[1:])
    assert {len(one) for one in features} == {engine.features.size}
    blank, count = Image.new("RGB", (8, 8)), len(looked)
    stored = replace(asked, images=(asked.images[0], *[blank] * 4), features=(None, *features))
    mixed = replace(stored, images=(*stored.images[:4], asked.images[4]), features=(None, *features[:3], None))
    found = [engine.generate(one) for one in (stored, mixed, asked)]
    assert looked[count:] == [1, 1, 1, 1, 4]
    for one in found[:2]:
        assert one.text == found[2].text and one.label_scores == pytest.approx(found[2].label_scores, abs=1e-4)
    assert engine.score([stored])[0] == found[0].label_scores


def test_other_features_or_numbers_of_images_are_an_engine_error(engine: StarterEngine) -> None:
    for request in (
        _request("mug", 2, features=(None, b"", b"x")),
        EngineRequest("mug", (_leopard(),), ("A", "B")),
        EngineRequest("mug", tuple(_wares(4)), ("A", "B")),
        EngineRequest("", ()),
        EngineRequest("", tuple(_wares(2))),
    ):
        with pytest.raises(EngineError):
            engine.generate(request)


def test_without_hashes_or_room_nothing_is_kept(engine: StarterEngine) -> None:
    for size, keys in ((4, ()), (4, (None, None)), (0, ("q", "a"))):
        keeping = StarterEngine(engine._vlm, cache_size=size)
        keeping.generate(_request("a mug with this", 1, image_keys=keys))
        assert not any(map(len, keeping.caches.values()))
