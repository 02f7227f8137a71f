"""The text cross-encoder in front: who is let through, what becomes of the others, and of trouble."""

import math
import sys
import time
import types
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForSequenceClassification

from rerank.candidates import Candidate
from rerank.errors import EngineError, EngineTimeout, PromptError
from rerank.prompts import PromptLibrary
from rerank.ranking import Fault, Ranking
from rerank.strategies.captioning import Captioner
from rerank.strategies.cross_encoder import CrossEncoderStrategy, FlagScorer
from rerank.strategies.single_token import SingleTokenStrategy
from rerank.strategies.sliding_window import SlidingWindowStrategy
from rerank.strategies.strategy import Strategy
from tests.unit.rerank.fakes import FakeEngine, candidates, query, says

PROMPTS = PromptLibrary.load()


@dataclass
class FakeScorer:
    """Scores by the title; raises if told to."""

    worth: dict[str, float] = field(default_factory=dict)
    raises: Exception | None = None
    answers: Sequence[float] | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def score(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        self.asked.extend(pairs)
        if self.raises is not None:
            raise self.raises
        return self.answers if self.answers is not None else [self.worth.get(title, 0.0) for _, title in pairs]


def strategy(engine: FakeEngine, scorer: FakeScorer, keep: int = 3) -> CrossEncoderStrategy:
    """Over single-token, whose fake engine prefers the first label: what is kept comes out as it went in."""
    scoring = engine.scoring()
    base = SingleTokenStrategy(scoring, PROMPTS)
    return CrossEncoderStrategy(base, Captioner(scoring, PROMPTS), scorer, keep=keep)


def titled(*titles: str) -> list[Candidate]:
    return [replace(one, title=title) for one, title in zip(candidates(len(titles)), titles, strict=True)]


def test_it_is_a_strategy() -> None:
    built: Strategy = strategy(FakeEngine(), FakeScorer())
    assert built.name == "cross-encoder"


def test_the_best_titles_go_through_and_the_others_follow_in_retrieval_order() -> None:
    engine = FakeEngine(logits=lambda request: (0.0, 2.0, 1.0))
    scorer = FakeScorer({"product 1": 1.0, "product 4": 3.0, "product 5": 2.0})
    outcome = strategy(engine, scorer).rerank(query(), candidates(7))
    assert outcome.ranking.order == (4, 5, 1, 0, 2, 3, 6)
    scores = outcome.ranking.scores
    assert scores is not None and [place for place in range(7) if scores[place] is None] == [0, 2, 3, 6]
    assert scores[4] == max(score for score in scores if score is not None)
    assert (outcome.strategy, outcome.prompt, outcome.caption) == ("cross-encoder", "rank-panel@2", "a leopard")
    assert (outcome.prompt_tokens, outcome.timings_ms["caption"] > 0) == (5, True)


def test_it_reads_the_words_and_the_caption_beside_each_title_cleaned() -> None:
    scorer = FakeScorer()
    found = titled("mug</s><s>", "<|end|>cap", "[A] first")
    strategy(FakeEngine(), scorer, keep=1).rerank(query("a case <with> this"), found)
    assert scorer.asked == [("a case this (a leopard)", title) for title in ("mug", "cap", "(A) first")]


def test_the_image_alone_is_its_caption_and_the_words_alone_are_the_words() -> None:
    scorer = FakeScorer()
    strategy(FakeEngine(), scorer, keep=1).rerank(query(None), candidates(2))
    strategy(FakeEngine(), scorer, keep=1).rerank(replace(query("a mug"), image=None), candidates(2))
    assert [asked for asked, _ in scorer.asked] == ["a leopard"] * 2 + ["a mug"] * 2


def test_nothing_to_read_lets_the_first_through() -> None:
    scorer = FakeScorer(raises=RuntimeError("not asked"))
    outcome = strategy(FakeEngine(caption=says("")), scorer).rerank(query(None), candidates(5))
    assert (outcome.ranking.order, outcome.degraded, scorer.asked) == ((0, 1, 2, 3, 4), None, [])


def test_the_image_is_captioned_once() -> None:
    engine = FakeEngine()
    strategy(engine, FakeScorer()).rerank(query(image_hash=None), candidates(7))
    assert len(engine.asked) == 1


def test_few_candidates_are_the_other_strategy_alone() -> None:
    scorer = FakeScorer()
    outcome = strategy(FakeEngine(), scorer).rerank(query(), candidates(3))
    assert (outcome.ranking.order, outcome.strategy, scorer.asked) == ((0, 1, 2), "cross-encoder", [])


@pytest.mark.parametrize(
    ("scorer", "degraded"),
    [
        (FakeScorer(raises=RuntimeError("CUDA out of memory")), "rerank_error"),
        (FakeScorer(raises=EngineTimeout()), "rerank_timeout"),
        (FakeScorer(answers=[1.0]), "rerank_error"),
        (FakeScorer(answers=[math.nan] * 7), "rerank_error"),
    ],
)
def test_a_failing_cross_encoder_is_declared(scorer: FakeScorer, degraded: str) -> None:
    engine = FakeEngine()
    outcome = strategy(engine, scorer).rerank(query(), candidates(7))
    fault = Fault.TIMEOUT if degraded == "rerank_timeout" else Fault.BACKEND_ERROR
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(7, fault), degraded)
    assert (outcome.caption, outcome.strategy, engine.scored) == ("a leopard", "cross-encoder", [])


def test_a_failing_engine_behind_it_is_declared() -> None:
    scorer = FakeScorer({"product 6": 1.0})
    outcome = strategy(FakeEngine(logits=EngineError("down")), scorer).rerank(query(), candidates(7))
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(7, Fault.BACKEND_ERROR), "rerank_error")
    outcome = strategy(FakeEngine(caption=EngineTimeout()), scorer).rerank(query(), candidates(7))
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(7, Fault.TIMEOUT), "rerank_timeout")


def test_a_passed_deadline_asks_nothing() -> None:
    engine, scorer = FakeEngine(), FakeScorer()
    late = time.monotonic() - 1
    outcome = strategy(engine, scorer).rerank(query(), candidates(7), deadline=late)
    assert (outcome.degraded, engine.asked, scorer.asked) == ("rerank_timeout", [], [])


def test_a_wrong_prompt_is_told_before_any_model_is_asked() -> None:
    engine, scorer = FakeEngine(), FakeScorer()
    with pytest.raises(PromptError):
        strategy(engine, scorer).rerank(query(), candidates(7), prompt="nothing")
    assert (engine.asked, scorer.asked) == ([], [])


@given(st.lists(st.floats(allow_nan=False), max_size=40), st.integers(1, 25), st.integers(2, 9))
def test_over_windows_every_product_is_ranked_once(worth: list[float], keep: int, window: int) -> None:
    engine = FakeEngine().taking("images").scoring()
    base = SlidingWindowStrategy(SingleTokenStrategy(engine, PROMPTS), window=window, step=1)
    scorer = FakeScorer(answers=worth)
    built = CrossEncoderStrategy(base, Captioner(engine, PROMPTS), scorer, keep=keep)
    outcome = built.rerank(query(), candidates(len(worth)))
    assert sorted(outcome.ranking.order) == list(range(len(worth)))
    assert outcome.degraded is None
    if len(worth) > keep:
        let_through = [worth[place] for place in outcome.ranking.order[:keep]]
        assert min(let_through) >= max(worth[place] for place in outcome.ranking.order[keep:])


def test_at_least_one_is_kept() -> None:
    with pytest.raises(ValueError, match="at least one"):
        strategy(FakeEngine(), FakeScorer(), keep=0)


@pytest.mark.parametrize(("device", "half"), [("cpu", False), ("cuda:1", True), ("mps", False)])
def test_flag_embedding_is_called_as_it_wants_to_be(monkeypatch: pytest.MonkeyPatch, device: str, half: bool) -> None:
    """Against a stand-in with the signature of FlagEmbedding 1.4.2."""
    seen: dict[str, Any] = {}

    class FlagReranker:
        def __init__(self, model_name_or_path: str, use_fp16: bool = False, **options: Any) -> None:
            seen.update(model=model_name_or_path, fp16=use_fp16, **options)

        def compute_score(self, sentence_pairs: list[tuple[str, str]], **options: Any) -> list[float]:
            seen.update(pairs=sentence_pairs, **options)
            return [0.25] * len(sentence_pairs)

    module = types.ModuleType("FlagEmbedding")
    module.FlagReranker = FlagReranker  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "FlagEmbedding", module)
    scorer = FlagScorer.load("BAAI/bge-reranker-v2-m3", device)
    assert scorer.score((("a mug", "red mug"),)) == [0.25]
    assert seen == {
        "model": "BAAI/bge-reranker-v2-m3",
        "fp16": half,
        "devices": device,
        "trust_remote_code": False,
        "pairs": [("a mug", "red mug")],
        "max_length": 512,
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_flag_embedding_itself_scores_with_a_tiny_model(tmp_path: Path) -> None:
    """Runs where the extra [text] is installed."""
    pytest.importorskip("FlagEmbedding")
    make_tiny_cross_encoder(tmp_path)
    scorer = FlagScorer.load(str(tmp_path))
    pairs = [("a mug with this", title) for title in ("red mug", "leopard mug", "blue phone case")]
    scores = scorer.score(pairs)
    assert len(set(scores)) == 3
    assert scorer.score(pairs[::-1])[::-1] == pytest.approx(scores, abs=1e-4)
    assert scorer.score(pairs[:1]) == pytest.approx(scores[:1], abs=1e-4)


def make_tiny_cross_encoder(folder: Path) -> None:
    """An XLM-RoBERTa of one layer with random weights, and a tokenizer of a few words."""
    words = ["<s>", "<pad>", "</s>", "<unk>", "a", "mug", "with", "this", "red", "blue", "leopard", "case", "phone"]
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    marks = {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    fast: Any = PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer, **marks).save_pretrained(folder)
    sizes: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = XLMRobertaConfig(vocab_size=len(words), intermediate_size=64, max_position_embeddings=520, **sizes)
    config.num_labels = 1
    XLMRobertaForSequenceClassification(config).save_pretrained(folder)


def test_without_flag_embedding_loading_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "FlagEmbedding", None)
    with pytest.raises(ImportError):
        FlagScorer.load("BAAI/bge-reranker-v2-m3")
