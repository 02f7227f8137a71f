"""Which strategies an engine can run under which settings, by their names, and what is said where it cannot."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rerank.engines.engine import EngineRequest, Generation
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.ranking import Fault
from rerank.strategies.cross_encoder import CrossEncoderStrategy, FlagScorer
from rerank.strategies.pointwise import PointwiseStrategy
from rerank.strategies.single_token import SingleTokenStrategy
from rerank.strategies.sliding_window import SlidingWindowStrategy
from service.build import build_rerank, loading, strategy_options
from service.errors import ConfigurationError, InvalidValue
from service.search.reranking.strategies import (
    NO_CHUNKS,
    NO_CROSS_ENCODER,
    NO_MATCHING,
    NO_RERANKER,
    NO_SCORES,
    NO_WINDOW,
    PRUNED,
    SLIDING,
    STRATEGIES,
    Strategies,
    build_strategies,
)
from service.search.types import RerankOptions, SearchRequest
from service.settings import Settings
from tests.fakes import make_shop
from tests.unit.rerank.fakes import FakeEngine, candidates, says
from tests.unit.rerank.test_cross_encoder import FakeScorer

PROMPTS = PromptLibrary.load()
NUMBERS = re.compile(r"product (\d+)")
ALL = set(STRATEGIES)
SERVER = {"reranker_url": "http://127.0.0.1:9/v1", "reranker_model": "m"}


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def build(engine: FakeEngine, **values: object) -> Strategies:
    return build_strategies(strategy_options(settings(**values)), engine, PROMPTS)


@pytest.fixture
def scorer(monkeypatch: pytest.MonkeyPatch) -> FakeScorer:
    """What the cross-encoder's settings lead to, on the CPU."""
    fake = FakeScorer()
    monkeypatch.setattr(FlagScorer, "load", lambda model, device: {"cpu": fake}[device])
    return fake


def test_an_engine_that_can_everything_runs_everything(scorer: FakeScorer) -> None:
    named = {"cross_encoder_model": "some/model", "cross_encoder_device": "cpu", **SERVER}
    found = build(FakeEngine().scoring("match"), **named)
    assert (set(found.usable), found.missing) == (ALL, {})
    assert all(strategy.name == name for name, strategy in found.usable.items())
    assert found.models == {"reranker": "vllm/m"}


def test_what_is_missing_says_why() -> None:
    for engine, reasons in (
        (FakeEngine(), {"single-token": NO_SCORES, "pointwise": NO_SCORES, SLIDING["single-token"]: NO_SCORES}),
        (FakeEngine().scoring(), {"pointwise": NO_MATCHING}),
        (FakeEngine().scoring("match"), {}),
    ):
        found = build(engine)
        pruned = {name: reasons.get(base, NO_CROSS_ENCODER) for base, name in PRUNED.items()}
        chunked = {"chunked": reasons["pointwise"]} if "pointwise" in reasons else {}
        assert found.missing == {**reasons, **pruned, **chunked, "reranker": NO_RERANKER}
        assert set(found.usable) | set(found.missing) == ALL


def test_an_engine_of_one_product_a_call_has_no_windows(scorer: FakeScorer) -> None:
    engine = FakeEngine().scoring("match")
    engine.info = replace(engine.info, max_candidates=1)
    found = build(engine, cross_encoder_model="some/model", cross_encoder_device="cpu")
    windows = dict.fromkeys(SLIDING.values(), NO_WINDOW)
    assert found.missing == {**windows, "chunked": NO_CHUNKS, "reranker": NO_RERANKER}


@pytest.mark.parametrize("name", sorted(ALL - {"reranker", *PRUNED.values()}))
@pytest.mark.parametrize("n", [9, 10, 40])
def test_every_candidate_is_seen_and_the_best_is_first_wherever_it_stood(name: str, n: int) -> None:
    engine = FakeEngine(_best_number_first, logits=_number_or_match).scoring("match")
    outcome = build(engine).usable[name].rerank(Query("a mug"), candidates(n))
    asked = "\n".join(request.prompt for request in (*engine.asked, *engine.scored))
    assert {int(number) for number in NUMBERS.findall(asked)} == set(range(n))
    assert outcome.ranking.order[:3] == (n - 1, n - 2, n - 3)
    assert (outcome.ranking.fault, outcome.ranking.repaired, outcome.strategy) == (Fault.OK, (), name)


def test_an_engine_of_one_product_a_call_says_what_it_did_not_place() -> None:
    engine = FakeEngine(_best_number_first)
    engine.info = replace(engine.info, max_candidates=1)
    ranking = build(engine).usable["listwise"].rerank(Query("a mug"), candidates(3)).ranking
    assert (ranking.fault, ranking.repaired) == (Fault.MISSING, (1, 2))


def _best_number_first(request: EngineRequest) -> Generation:
    """Ranks by the number in a title, highest first."""
    numbers = [int(number) for number in NUMBERS.findall(request.prompt)]
    order = sorted(range(len(numbers)), key=lambda place: -numbers[place])
    return says(json.dumps({"ranking": [request.labels[place] for place in order], "reason": "the highest"}))


def _number_or_match(request: EngineRequest) -> tuple[float, ...]:
    """The same as logits: of each title, or of a match and a mismatch of the one."""
    numbers = [float(number) for number in NUMBERS.findall(request.prompt)]
    return tuple(numbers) if len(numbers) == len(request.labels) else (numbers[0] / 100, 0.0)


def test_a_folder_of_prompts_need_not_have_one_for_matching() -> None:
    prompts = PromptLibrary({prompt.key: prompt for prompt in PROMPTS if prompt.task != "match"})
    engine = FakeEngine().scoring("match")
    assert build_strategies(strategy_options(settings()), engine, prompts).missing["pointwise"] == NO_MATCHING


def test_a_device_that_is_not_there_is_told_at_the_start(scorer: FakeScorer) -> None:
    with pytest.raises(ConfigurationError, match="no device 'tpu'"):
        build(FakeEngine(), cross_encoder_model="some/model", cross_encoder_device="tpu")


def test_settings_reach_the_strategies(scorer: FakeScorer) -> None:
    found = build(
        FakeEngine().scoring("match"),
        rerank_rotations=3,
        rerank_window=6,
        rerank_step=2,
        rerank_prune=12,
        cross_encoder_model="some/model",
        cross_encoder_device="cpu",
    ).usable
    single, window, pruned = (found[name] for name in ("single-token", "sliding-window", "cross-encoder"))
    assert isinstance(single, SlidingWindowStrategy) and (single.window, single.step) == (9, 4)
    assert isinstance(single.base, SingleTokenStrategy) and single.base.rotations == 3
    assert isinstance(window, SlidingWindowStrategy) and (window.window, window.step) == (6, 2)
    assert isinstance(pruned, CrossEncoderStrategy) and pruned.keep == 12
    assert pruned.base is window, "what is let through may be more than one call takes"
    pointwise = found["cross-encoder-pointwise"]
    assert isinstance(pointwise, CrossEncoderStrategy) and isinstance(pointwise.base, PointwiseStrategy)


def test_a_window_is_what_the_engine_takes_unless_said_otherwise() -> None:
    window = build(FakeEngine()).usable["sliding-window"]
    assert isinstance(window, SlidingWindowStrategy) and (window.window, window.step) == (9, 4)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rerank_window": 10}, "WITHTHIS_RERANK_WINDOW must be at most 9"),
        ({"rerank_window": 4, "rerank_step": 4}, "WITHTHIS_RERANK_STEP must be less than the window, which is 4"),
    ],
)
def test_windows_that_do_not_fit_the_engine_stop_the_start(values: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        build(FakeEngine(), **values)


def test_captions_are_shared_between_strategies() -> None:
    engine = FakeEngine().scoring("match")
    found = build(engine).usable
    image = candidates(1)[0].image
    for name in ("listwise", "single-token", "pointwise", "sliding-window"):
        found[name].rerank(Query("a mug", image, image_hash="cafe"), candidates(3))
    assert sum(not request.labels for request in engine.asked) == 1


def test_a_cross_encoder_that_cannot_be_loaded_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: str, device: str) -> FakeScorer:
        raise OSError("/secret/model is not a local folder")

    monkeypatch.setitem(sys.modules, "FlagEmbedding", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'withthis\[text\]'"):
        build(FakeEngine(), cross_encoder_model="some/model", cross_encoder_device="cpu")
    monkeypatch.setattr(FlagScorer, "load", broken)
    with pytest.raises(ConfigurationError, match="WITHTHIS_CROSS_ENCODER_MODEL") as caught:
        build(FakeEngine(), cross_encoder_model="some/model", cross_encoder_device="cpu")
    assert "secret" not in caught.value.detail


def test_a_strategy_of_the_settings_that_cannot_run_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ENGINES", {"fake": lambda settings: FakeEngine()})
    with pytest.raises(
        ConfigurationError, match=r"WITHTHIS_STRATEGY cannot be pointwise\. The configured engine gives no"
    ):
        build_rerank(settings(engine="fake", strategy="pointwise"))
    assert build_rerank(settings(engine="fake", strategy="sliding-window")).strategies == ("listwise", "sliding-window")


def test_the_match_prompt_of_the_settings_is_for_engines_that_match(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"plain": lambda _: FakeEngine(), "matching": lambda _: FakeEngine().scoring("match")}
    monkeypatch.setattr(loading, "ENGINES", known)
    assert "pointwise" not in build_rerank(settings(engine="plain", match_prompt="match-panel")).strategies
    assert "pointwise" in build_rerank(settings(engine="matching", match_prompt="match-panel")).strategies
    with pytest.raises(ConfigurationError, match="nothing"):
        build_rerank(settings(engine="matching", match_prompt="nothing"))


def test_a_request_for_a_strategy_that_cannot_run_is_told_why(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, missing={"pointwise": NO_SCORES})
    with pytest.raises(InvalidValue) as caught:
        shop.parts.ready().pipeline.search(SearchRequest(text="a mug", rerank=RerankOptions(strategy="pointwise")))
    assert caught.value.detail == NO_SCORES


def test_more_candidates_than_letters_are_ranked_in_windows(tmp_path: Path) -> None:
    engine = FakeEngine(
        logits=lambda request: tuple(float(number) for number in re.findall(r": Product (\d+)", request.prompt))
    ).scoring()
    strategy = SlidingWindowStrategy(SingleTokenStrategy(engine, PROMPTS), window=9, step=4, name="listwise")
    shop = make_shop(tmp_path, products=60, strategy=strategy, rerank_candidates=50, max_limit=100)
    answer = shop.parts.ready().pipeline.search(SearchRequest(text="a mug", limit=60))
    ranks = [result.retrieval_rank for result in answer.results]
    assert sorted(ranks) == list(range(1, 61))
    assert ranks[50:] == list(range(51, 61))
    numbers = [int(result.product.id.removeprefix("p")) for result in answer.results]
    assert numbers[:5] == sorted(numbers[:50], reverse=True)[:5], "the best of all fifty, by the engine's taste"


@pytest.mark.parametrize("asked", [None, "scores"])
def test_the_fusion_method_comes_from_settings_or_request(tmp_path: Path, asked: str | None) -> None:
    shop = make_shop(tmp_path, fusion_method="rrf" if asked else "scores")
    options = RerankOptions(fusion_weight=0.5, fusion_method=asked)  # type: ignore[arg-type]
    answer = shop.parts.ready().pipeline.search(SearchRequest(text="a mug", rerank=options))
    fused = [result.scores.fused or 0.0 for result in answer.results]
    assert max(fused) > 0.1, "normalised scores are of another size than 1 / (60 + rank)"
    assert fused == sorted(fused, reverse=True)
