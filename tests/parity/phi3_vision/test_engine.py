"""The engine: complete rankings from random weights, scores in one pass, and every way to fail mapped to its error."""

import json
import random
import threading
import time
from typing import Any

import pytest
import torch
from PIL import Image

from rerank.answer import ANSWER_PREFIX
from rerank.engines.decoding import permutation_spec, to_text
from rerank.engines.engine import EngineRequest
from rerank.engines.phi3_vision.config import read_config
from rerank.engines.phi3_vision.engine import Phi3VisionEngine
from rerank.engines.phi3_vision.image_processing import ImageCrops
from rerank.engines.phi3_vision.model import Phi3VisionForCausalLM
from rerank.engines.phi3_vision.processor import Phi3VisionProcessor
from rerank.errors import EngineError, EngineOverloaded, EngineTimeout
from rerank.labels import labels
from rerank.parser import parse_ranking
from rerank.permutation import PermutationLogitsProcessor
from rerank.prompts import PromptLibrary
from rerank.ranking import Fault
from rerank.strategies.listwise import ListwiseStrategy
from service.build import load_engine
from service.errors import ConfigurationError
from service.settings import Settings
from tests.parity.phi3_vision.golden_data import CASES, GOLDEN, sample_image
from tests.parity.phi3_vision.test_processor import HOSTILE
from tests.unit.rerank.fakes import candidates, query

ONE_BY_ONE, AT_ONCE = 4, 10
"""Constrained answers for each number of candidates: 350 in all, this engine's share of the thousand."""


def answer_length(n: int) -> int:
    """Enough tokens for any answer to n candidates up to the reason, and few for the reason."""
    return 8 + 3 * n


def random_engine(seed: int, processor: Phi3VisionProcessor) -> Phi3VisionEngine:
    """One layer of the tiny shape, and other weights for each seed."""
    torch.manual_seed(seed)
    config = read_config(GOLDEN)
    config.language.update({"num_hidden_layers": 1, "initializer_range": 1.0})  # large, so that the words tell
    model = Phi3VisionForCausalLM(config)
    return Phi3VisionEngine(model.eval(), processor)  # type: ignore[no-untyped-call]


def checked(text: str, n: int) -> tuple[str, ...]:
    """The labels of an answer, best first, after a look that it names each of n once."""
    assert text.startswith(ANSWER_PREFIX)
    parsed = parse_ranking(text, n, truncated=True, anchored=True)
    assert sorted(parsed.order) == list(range(n))
    assert parsed.repaired == ()
    ranked = json.loads(text[text.index("[") : text.index("]") + 1])
    assert sorted(ranked) == list(labels(n))
    return tuple(ranked)


@pytest.mark.slow
@pytest.mark.parametrize("n", range(2, 27))
def test_random_weights_rank_every_candidate_once(n: int, processor: Phi3VisionProcessor) -> None:
    engine, rng = random_engine(n, processor), random.Random(n)
    orders = set()
    for _ in range(ONE_BY_ONE):
        words = " ".join(rng.choices(("leopard", "case", "blue", "rank", "A", '"B"', "[7, 8]"), k=rng.randint(1, 30)))
        orders.add(checked(engine.generate(EngineRequest(words, (), labels(n), answer_length(n))).text, n))
    spec = permutation_spec(processor.tokenizer, labels(n))
    model: Any = engine._model
    vectors = model.embed(processor.encode("Rank."), [])
    rows = model.generate(
        inputs_embeds=vectors.expand(AT_ONCE, -1, -1),
        attention_mask=torch.ones(AT_ONCE, len(vectors)),
        max_new_tokens=len(spec.pattern),
        do_sample=True,
        logits_processor=[PermutationLogitsProcessor(spec, 0)],
    )
    orders |= {checked(to_text(processor.tokenizer, row), n) for row in rows.tolist()}
    assert n < 4 or len(orders) > 1


def test_an_answer_counts_its_tokens(engine: Phi3VisionEngine, processor: Phi3VisionProcessor) -> None:
    answer = engine.generate(EngineRequest("Rank these.", (sample_image(),), labels(3), 40))
    assert answer.prompt_tokens == len(processor.encode("Rank these.", [313])) + len(processor.words(ANSWER_PREFIX))
    assert answer.generated_tokens == 40
    assert answer.finish == "length"


def test_a_caption_is_what_the_published_code_writes(model: Phi3VisionForCausalLM) -> None:
    case = next(case for case in CASES if case.id == "landscape_c16")
    processor = Phi3VisionProcessor(GOLDEN / "tokenizer.json", case.num_crops)
    answer = Phi3VisionEngine(model, processor).generate(
        EngineRequest(f"\n{case.words} ", tuple(case.images()), (), 24)
    )
    assert answer.text == to_text(processor.tokenizer, case.raw["tokens"])
    assert (answer.prompt_tokens, answer.generated_tokens) == (case.raw["prompt_tokens"], 24)
    assert answer.label_scores is None


def test_scores_are_those_of_the_first_ranking_step(engine: Phi3VisionEngine) -> None:
    request = EngineRequest("Rank these.", (sample_image(),), labels(9), 60)
    assert engine.score([request])[0] == pytest.approx(engine.generate(request).label_scores, abs=1e-4)


def test_many_are_scored_as_if_each_were_alone(engine: Phi3VisionEngine) -> None:
    pairs = [EngineRequest("word " * n, (sample_image(),) * (n % 3), ("A", "B"), 1, "") for n in (1, 9, 2, 3, 30, 4, 6)]
    together = engine.score(pairs)
    for alone, row in zip(pairs, together, strict=True):
        assert row == pytest.approx(engine.score([alone])[0], abs=1e-4)
    assert engine.score([]) == []


def test_prompts_beyond_the_short_positions_are_scored_apart(engine: Phi3VisionEngine) -> None:
    short, long = (EngineRequest("word " * n, (), ("A", "B"), 1, "") for n in (10, 4200))
    mixed = engine.score([short, long])
    assert mixed[0] == pytest.approx(engine.score([short])[0], abs=1e-4)
    assert mixed[1] == pytest.approx(engine.score([long])[0], abs=1e-4)


def test_the_query_image_is_looked_at_once(engine: Phi3VisionEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[ImageCrops] = []
    see = Phi3VisionForCausalLM.see

    def counted(self: Phi3VisionForCausalLM, image: ImageCrops) -> object:
        looked.append(image)
        return see(self, image)

    monkeypatch.setattr(Phi3VisionForCausalLM, "see", counted)
    asked = sample_image("portrait")
    engine.score([EngineRequest("Match?", (asked, Image.new("RGB", (9, 9))), ("A", "B"), 1, "") for _ in range(3)])
    assert len(looked) == 4


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_change_neither_images_nor_completeness(words: str, engine: Phi3VisionEngine) -> None:
    request = EngineRequest(f"Titles:\nA: {words}\nB: mug", (sample_image(),), labels(5), answer_length(5))
    answer = engine.generate(request)
    parsed = parse_ranking(answer.text, 5, truncated=answer.finish == "length", anchored=True)
    assert sorted(parsed.order) == list(range(5))
    assert parsed.repaired == ()


@pytest.mark.parametrize("layout", ["panel", "images"])
def test_the_listwise_strategy_over_it_is_whole(
    layout: str, model: Phi3VisionForCausalLM, processor: Phi3VisionProcessor
) -> None:
    engine = Phi3VisionEngine(model, processor, layout=layout, max_candidates=9)  # type: ignore[arg-type]
    outcome = ListwiseStrategy(engine, PromptLibrary.load()).rerank(query("a mug with this"), candidates(12))
    assert outcome.degraded is None
    assert sorted(outcome.ranking.order) == list(range(12))
    assert outcome.ranking.order[9:] == outcome.ranking.repaired == (9, 10, 11)  # more than one call takes
    assert outcome.ranking.fault is Fault.MISSING
    assert (outcome.panel is not None) == (layout == "panel")


def test_a_passed_deadline_is_a_timeout(engine: Phi3VisionEngine) -> None:
    late = time.monotonic() - 1
    with pytest.raises(EngineTimeout):
        engine.generate(EngineRequest("", (), (), 8, deadline=late))
    with pytest.raises(EngineTimeout):
        engine.score([EngineRequest("", (sample_image(),), ("A", "B"), 1, "", late), EngineRequest("", (), ("A", "B"))])
    assert engine.generate(EngineRequest("", (), (), 8)).generated_tokens == 8


def test_a_deadline_stops_a_long_answer(engine: Phi3VisionEngine) -> None:
    with pytest.raises(EngineTimeout):
        engine.generate(EngineRequest("Rank.", (), labels(26), 100_000, deadline=time.monotonic() + 0.2))


def test_a_busy_model_is_overload(engine: Phi3VisionEngine) -> None:
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
            engine.generate(EngineRequest("", (), (), 8, deadline=time.monotonic() + 0.05))
    finally:
        release.set()
        holder.join()


def test_what_does_not_fit_is_an_engine_error(engine: Phi3VisionEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="labels"):
        engine.score([EngineRequest("", (), ())])
    with pytest.raises(EngineError, match="one token"):
        engine.generate(EngineRequest("", (), ("leopard phone case", "mug"), 60))
    with pytest.raises(EngineError, match="too many"):
        engine.generate(EngineRequest("", (), (), 131_072))

    def fail(*_: object) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(engine._model, "see", fail)
    with pytest.raises(EngineError, match="crops"):
        engine.generate(EngineRequest("", (sample_image(),), (), 8))


def test_the_settings_choose_it() -> None:
    engine = load_engine(Settings(engine="phi3-vision", engine_path=GOLDEN, engine_num_crops=4, engine_device="cpu"))
    assert engine.info.id == "phi3-vision:golden:c4"
    assert (engine.info.layout, engine.info.can_score, engine.info.max_candidates) == ("panel", True, 9)
    with pytest.raises(ConfigurationError, match="Give a folder"):
        load_engine(Settings(engine="phi3-vision"))
