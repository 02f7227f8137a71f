"""A tiny Qwen3-VL reranker, and a text cross-encoder, in this process: their scores are sentence-transformers' own."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from sentence_transformers import CrossEncoder
from transformers import BertConfig, BertForSequenceClassification

from rerank.engines.processors import without_torchvision
from rerank.errors import EngineError, EngineTimeout
from rerank.scorers.cross_encoder import CrossEncoderScorer
from rerank.scorers.scorer import Side
from tests.unit.rerank.checkpoints import QWEN_MARKS, words
from tests.unit.rerank.reranker_checkpoints import make_reranker

RED, BLUE = Image.new("RGB", (60, 40), "red"), Image.new("RGB", (30, 50), "blue")
SIDES = [Side("a red mug"), Side("", RED), Side("a mug with this", RED), Side("Mug, blue", BLUE), Side("")]
INSTRUCTION = "Find the product."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_reranker(tmp_path_factory.mktemp("reranker"))


@pytest.fixture(scope="module")
def scorer(folder: Path) -> CrossEncoderScorer:
    return CrossEncoderScorer.load(str(folder), batch=2)


def own(side: Side) -> Any:
    """As the documentation of sentence-transformers writes an input."""
    parts = {"text": side.text, "image": side.image}
    return side.text if side.image is None else {name: part for name, part in parts.items() if part}


def test_scores_are_those_of_sentence_transformers(folder: Path, scorer: CrossEncoderScorer) -> None:
    """For every kind of query and document, in any batch and order."""
    with without_torchvision():
        model = CrossEncoder(str(folder), device="cpu")
    for query in SIDES[:4]:
        expected = [float(model.predict((own(query), own(one)), prompt=INSTRUCTION)) for one in SIDES]
        assert scorer.score(query, SIDES, INSTRUCTION) == pytest.approx(expected, abs=1e-5)
        assert scorer.score(query, SIDES[::-1], INSTRUCTION) == pytest.approx(expected[::-1], abs=1e-5)
        assert all(0 <= score <= 1 for score in expected)


def test_the_score_is_the_sigmoid_of_yes_less_no(folder: Path, scorer: CrossEncoderScorer) -> None:
    """Computed from the logits of transformers' own class."""
    module = scorer._model
    features = module.preprocess([(own(SIDES[2]), own(SIDES[3]))], prompt=INSTRUCTION)
    known = {name: features[name] for name in ("input_ids", "attention_mask", "pixel_values", "image_grid_thw")}
    with torch.inference_mode():
        logits = module.model(**known, mm_token_type_ids=features["mm_token_type_ids"]).logits[0, -1]
    expected = torch.sigmoid(logits[300] - logits[301]).item()
    assert scorer.score(SIDES[2], SIDES[3:4], INSTRUCTION) == pytest.approx([expected], abs=1e-5)


def test_the_instruction_both_texts_and_both_images_reach_the_model(scorer: CrossEncoderScorer) -> None:
    usual = scorer.score(Side("a mug", RED), [Side("Mug", BLUE)], INSTRUCTION)
    others = [
        scorer.score(Side("a mug", RED), [Side("Mug", BLUE)], "Something else."),
        scorer.score(Side("a cap", RED), [Side("Mug", BLUE)], INSTRUCTION),
        scorer.score(Side("a mug", BLUE), [Side("Mug", BLUE)], INSTRUCTION),
        scorer.score(Side("a mug", RED), [Side("Cap", BLUE)], INSTRUCTION),
        scorer.score(Side("a mug", RED), [Side("Mug", RED)], INSTRUCTION),
    ]
    assert usual not in others
    assert scorer.info.query == scorer.info.documents == "both" and scorer.info.instructable


def test_the_deadline_is_looked_at_between_passes(scorer: CrossEncoderScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def pass_through(pairs: list[Any], **_: Any) -> list[float]:
        seen.append(len(pairs))
        return [0.5] * len(pairs)

    def check(deadline: float | None) -> None:
        if len(seen) == 2:
            raise EngineTimeout("the deadline has passed")

    monkeypatch.setattr(scorer._model, "predict", pass_through)
    monkeypatch.setattr("rerank.scorers.cross_encoder.check_deadline", check)
    with pytest.raises(EngineTimeout):
        scorer.score(SIDES[0], SIDES, INSTRUCTION, time.monotonic() + 60)
    assert seen == [2, 2], "the third pass was not begun"


@pytest.mark.parametrize("scores", [[0.5, float("nan")], [0.5, 1.7], [-3.0, 0.5], [0.5]])
def test_scores_that_are_none_are_an_error(
    scorer: CrossEncoderScorer, monkeypatch: pytest.MonkeyPatch, scores: list[float]
) -> None:
    monkeypatch.setattr(scorer._model, "predict", lambda pairs, **_: scores)
    with pytest.raises(EngineError):
        scorer.score(SIDES[0], SIDES[:2], INSTRUCTION, time.monotonic() + 60)


def test_a_text_cross_encoder_reads_texts_alone(tmp_path: Path) -> None:
    tokenizer = words(QWEN_MARKS, "<|im_end|>")
    shape: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_labels": 1,
    }
    config = BertConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **shape)
    parts: list[Any] = [BertForSequenceClassification(config), tokenizer]
    for part in parts:
        part.save_pretrained(tmp_path)
    scorer = CrossEncoderScorer.load(str(tmp_path))
    assert (scorer.info.query, scorer.info.documents, scorer.info.instructable) == ("text", "text", False)
    first, second = scorer.score(Side("a mug"), [Side("Mug"), Side("Cap")], INSTRUCTION)
    assert first != second
    assert scorer.score(Side("a mug"), [Side("Mug"), Side("Cap")], "Other.") == [first, second], "no instruction"


def test_what_is_no_reranker_is_refused(tmp_path: Path) -> None:
    with pytest.raises((EngineError, OSError)):
        CrossEncoderScorer.load(str(tmp_path))
    (tmp_path / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "os.path.Join"}]')
    with pytest.raises(EngineError):
        CrossEncoderScorer.load(str(tmp_path))


def test_a_text_is_never_opened_as_an_address(folder: Path, scorer: CrossEncoderScorer, tmp_path: Path) -> None:
    """sentence-transformers opens a bare string that is a path or a URL of an image."""
    RED.save(tmp_path / "red.png")
    path = str(tmp_path / "red.png")
    [words] = scorer.score(Side(path), [Side("Mug, blue", BLUE)], INSTRUCTION)
    (tmp_path / "red.png").unlink()
    assert scorer.score(Side(path), [Side("Mug, blue", BLUE)], INSTRUCTION) == pytest.approx([words], abs=1e-6)
    for text in ("https://127.0.0.1:9/red.png", "data:image/png;base64,AAAA"):
        assert len(scorer.score(Side(text), [Side(text), Side(text, RED)], INSTRUCTION)) == 2
