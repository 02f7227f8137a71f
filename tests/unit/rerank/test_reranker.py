"""The strategy over a trained reranker, with a scripted one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.errors import PromptError
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.ranking import Fault, Ranking
from rerank.scorers.scorer import ScorerInfo, Side
from rerank.strategies.reranker import LIMITS, RerankerStrategy
from tests.unit.rerank.fakes import candidates, query, sample_image

PROMPTS = PromptLibrary.load()
INFO = ScorerInfo("fake", "both", "both", instructable=True)


@dataclass
class FakeScorer:
    """Scores by the text, and remembers what it was asked."""

    worth: dict[str, float] = field(default_factory=dict)
    info: ScorerInfo = INFO
    raises: BaseException | None = None
    asked: list[tuple[Side, list[Side], str]] = field(default_factory=list)

    def score(
        self, query: Side, documents: Sequence[Side], instruction: str, deadline: float | None = None
    ) -> list[float]:
        self.asked.append((query, list(documents), instruction))
        if self.raises is not None:
            raise self.raises
        return [self.worth.get(one.text, 0.5) for one in documents]


def test_candidates_are_ordered_by_score_and_ties_keep_the_order_of_retrieval() -> None:
    scorer = FakeScorer({"product 3": 0.9, "product 1": 0.1})
    outcome = RerankerStrategy(scorer, PROMPTS).rerank(query(), candidates(5))
    assert outcome.ranking == Ranking((3, 0, 2, 4, 1), scores=(0.5, 0.1, 0.5, 0.9, 0.5))
    (asked, documents, instruction) = scorer.asked[0]
    assert (asked.text, asked.image) == ("a phone case with this", sample_image())
    assert [one.image is not None for one in documents] == [True] * 5
    assert instruction.startswith("Given what a shopper asks for")


def test_nothing_is_asked_without_candidates() -> None:
    scorer = FakeScorer()
    assert RerankerStrategy(scorer, PROMPTS).rerank(query(), []).ranking == Ranking(())
    assert scorer.asked == []


def test_texts_are_clean_and_bounded() -> None:
    scorer, long = FakeScorer(), "x" * 9000
    RerankerStrategy(scorer, PROMPTS).rerank(Query(long), [Candidate("a", f"<|x|> [A] {long}", None, 0)])
    asked, (document,), _ = scorer.asked[0]
    assert (len(asked.text), len(document.text)) == (LIMITS.query, LIMITS.document)
    assert not set(document.text) & set("<>[]")


def test_a_prompt_of_its_own_is_used_and_another_task_is_refused(tmp_path: Path) -> None:
    for prompt in PROMPTS:
        (tmp_path / f"{prompt.key}.yaml").write_text(prompt.model_dump_json())
    shoes = PROMPTS.get("reranker").model_copy(update={"id": "shoes", "template": "Shoes.", "facts": ()})
    (tmp_path / "shoes.yaml").write_text(shoes.model_dump_json())
    scorer = FakeScorer()
    strategy = RerankerStrategy(scorer, PromptLibrary.load(tmp_path), "shoes")
    assert strategy.rerank(query(), candidates(1)).prompt == "shoes@1"
    assert strategy.rerank(query(), candidates(1), prompt="reranker").prompt == "reranker@1"
    assert [instruction[:5] for _, _, instruction in scorer.asked] == ["Shoes", "Given"]
    with pytest.raises(PromptError):
        strategy.rerank(query(), candidates(1), prompt="rank-panel")
    with pytest.raises(PromptError):
        RerankerStrategy(scorer, PROMPTS, "match")


def test_whatever_it_raises_the_order_of_retrieval_stands() -> None:
    outcome = RerankerStrategy(FakeScorer(raises=MemoryError()), PROMPTS).rerank(query(), candidates(4))
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(4, Fault.BACKEND_ERROR), Degraded.ERROR)


def test_a_relevance_prompt_has_no_placeholders() -> None:
    with pytest.raises(ValueError, match="placeholders"):
        type(PROMPTS.get("reranker"))(
            **{**PROMPTS.get("reranker").model_dump(), "template": "{title}", "placeholders": ("title",)}
        )
