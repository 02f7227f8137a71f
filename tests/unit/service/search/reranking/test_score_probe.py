"""`withthis doctor` finds rerankers and encoders whose numbers mean nothing, and what they are blind to."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rerank.errors import EngineError, EngineTimeout
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.scorers.scorer import ScorerInfo
from rerank.strategies.reranker import RerankerStrategy
from rerank.strategies.watched import WatchedStrategy
from service.cli import doctor
from service.encoders.blindness import blindness
from service.encoders.encoder import Embeddings, EncoderInfo
from service.search.reranking.score_probe import MEANINGLESS as NO_MEANING
from service.search.reranking.score_probe import probe_products, probe_scores
from service.search.reranking.stage import RerankStage
from service.settings import Settings
from tests.unit.rerank import scripted_scorers
from tests.unit.rerank.scripted_scorers import MEANINGLESS, Score, ScriptedScorer, products
from tests.unit.rerank.test_reranker import FakeScorer

PROMPTS = PromptLibrary.load()
RUNS = range(100)
SIX = products()[::9]
"""Of six colors."""


def probed(score: Score, seed: int = 0, info: ScorerInfo = scripted_scorers.BOTH) -> str | None:
    return probe_scores(WatchedStrategy(RerankerStrategy(ScriptedScorer(score, seed, info), PROMPTS)), SIX)


@pytest.mark.parametrize("kind", MEANINGLESS)
def test_a_reranker_whose_scores_mean_nothing_is_always_found(kind: str) -> None:
    found = [probed(MEANINGLESS[kind], run) for run in RUNS]
    assert all(found)
    assert sum(NO_MEANING in str(words) for words in found) >= 90, "chance may make one way look well"


def test_a_sound_reranker_never_is() -> None:
    assert not any(probed(scripted_scorers.sound, run) for run in RUNS)


def test_what_a_reranker_is_blind_to_is_said() -> None:
    for run in RUNS:
        assert "It does not read texts." in str(probed(scripted_scorers.text_blind, run))
        assert "It does not look at images." in str(probed(scripted_scorers.image_blind, run))


def test_ways_that_a_reranker_does_not_take_are_left_out() -> None:
    texts = ScorerInfo("texts", "text", "text", instructable=False)
    assert probed(scripted_scorers.sound, 1, texts) is None
    assert "6" not in str(probed(MEANINGLESS["random"], 1, texts)).split("themselves: ")[1]


def test_a_reranker_that_does_not_answer_is_told_apart() -> None:
    broken = RerankerStrategy(FakeScorer(raises=EngineError("down")), PROMPTS)
    assert "rerank_error" in str(probe_scores(broken, SIX))
    with pytest.raises(TimeoutError):
        probe_scores(RerankerStrategy(FakeScorer(raises=EngineTimeout("slow")), PROMPTS), SIX)


@dataclass
class ScriptedEncoder:
    """Embeds the words and the color of what it reads; the rest is noise."""

    texts: bool = True
    images: bool = True
    noise: float = 0.1
    seed: int = 0
    info: EncoderInfo = field(
        default_factory=lambda: EncoderInfo("scripted", 64, "f", frozenset({"text", "image", "composed"}), 64)
    )

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def encode(self, queries: Any) -> Embeddings:
        rows = [self._row(query) + self.noise * self._rng.standard_normal(64) / 8 for query in queries]
        vectors = np.array([row / np.linalg.norm(row) for row in rows], np.float32)
        return Embeddings(vectors, np.zeros(len(rows), np.bool_))

    def _row(self, query: Query) -> Any:
        parts = [np.full(64, 0.01)]
        if self.texts and query.text:
            parts += [_direction(word) for word in query.text.split()]
        if self.images and query.image is not None:
            parts += [4 * _direction(str(query.image.getpixel((0, 0))))]
        return sum(parts)


def _direction(name: str) -> Any:
    found = np.random.default_rng(list(name.encode())).standard_normal(64)
    return found / np.linalg.norm(found)


def embedded(**options: Any) -> str | None:
    return blindness(ScriptedEncoder(**options), [Query(one.title, one.image) for one in SIX])


def test_an_encoder_that_sees_nothing_or_half_is_found() -> None:
    for run in RUNS:
        assert embedded(seed=run) is None
        assert "It does not read texts." in str(embedded(seed=run, texts=False))
        assert "It does not look at images." in str(embedded(seed=run, images=False))
        assert "do not tell products apart" in str(embedded(seed=run, texts=False, images=False, noise=1.0))


def test_the_products_of_the_probe_differ() -> None:
    """That the bundled models find them is held by the pages on which `withthis doctor` runs."""
    assert len({one.title.split()[0] for one in probe_products()}) == 6


def test_doctor_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = RerankerStrategy(ScriptedScorer(MEANINGLESS["constant"], 1), PROMPTS)
    monkeypatch.setattr(RerankStage, "plan", lambda stage, options: SimpleNamespace(strategy=strategy))
    finding = doctor.examine("scores", doctor.CHECKS["scores"], Settings(_env_file=None))
    assert not finding.well and "cannot be trusted" in finding.detail and NO_MEANING in finding.detail
