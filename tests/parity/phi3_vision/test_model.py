"""The model computes what the published code computes."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rerank.engines.phi3_vision.checkpoint import INDEX_FILE, load_model
from rerank.engines.phi3_vision.image_processing import cut
from rerank.engines.phi3_vision.model import Phi3VisionForCausalLM
from rerank.engines.phi3_vision.processor import Phi3VisionProcessor
from tests.parity.phi3_vision.golden_data import CASES, EXPECTED, GOLDEN, WITH_IMAGES, Case, sample_image


def prompt(model: Phi3VisionForCausalLM, processor: Phi3VisionProcessor, case: Case) -> Tensor:
    crops = [cut(image, case.num_crops) for image in case.images()]
    with torch.inference_mode():
        seen = [model.see(one) for one in crops]
        return model.embed(processor.encode(case.words, list(map(len, seen))), seen)


def logits(model: Phi3VisionForCausalLM, prompts: Sequence[Tensor]) -> Tensor:
    with torch.inference_mode():
        return model.next_logits(prompts)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_logits_and_tokens(case: Case, model: Phi3VisionForCausalLM, processor: Phi3VisionProcessor) -> None:
    vectors = prompt(model, processor, case)
    if f"logits.{case.id}" in EXPECTED:  # the case that crosses position 4096 has tokens only
        expected = EXPECTED[f"logits.{case.id}"]
        torch.testing.assert_close(logits(model, [vectors])[0], expected, rtol=0, atol=1e-4)
    answer = model.answer(vectors, max_new_tokens=24, stop_ids=(), pad_id=processor.pad_id)
    assert answer == case.raw["tokens"] == EXPECTED[f"tokens.{case.id}"].tolist()


@pytest.mark.parametrize("case", WITH_IMAGES, ids=lambda case: case.id)
def test_image_features(case: Case, model: Phi3VisionForCausalLM) -> None:
    with torch.inference_mode():
        features = torch.cat([model.see(cut(image, case.num_crops)) for image in case.images()])
    assert list(features.shape) == case.raw["image_features"]["shape"]
    assert features.double().sum().item() == pytest.approx(case.raw["image_features"]["sum"], rel=1e-5)
    if f"image_features.{case.id}" in EXPECTED:
        torch.testing.assert_close(features, EXPECTED[f"image_features.{case.id}"], rtol=0, atol=1e-4)


def test_prompts_of_different_length_share_a_pass(model: Phi3VisionForCausalLM, processor: Phi3VisionProcessor) -> None:
    with torch.inference_mode():
        seen = model.see(processor.cut(sample_image()))
        rows = [model.embed(processor.encode("word " * n, [len(seen)]), [seen]) for n in (1, 40, 7)]
    alone = torch.cat([logits(model, [row]) for row in rows])
    torch.testing.assert_close(logits(model, rows), alone, rtol=0, atol=1e-5)


def test_one_file_is_as_good_as_shards(
    tmp_path: Path, model: Phi3VisionForCausalLM, processor: Phi3VisionProcessor
) -> None:
    shards = sorted(GOLDEN.glob("model-*.safetensors"))
    assert len(shards) == 2
    assert (GOLDEN / INDEX_FILE).is_file()
    weights = {name: value for shard in shards for name, value in load_file(shard).items()}
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    for name in ("config.json", "clip_vision_config.json"):
        (tmp_path / name).write_bytes((GOLDEN / name).read_bytes())
    single = load_model(tmp_path, device="cpu", dtype="float32")
    case = next(case for case in CASES if case.id == "panel_c1")
    vectors = prompt(model, processor, case)
    assert torch.equal(prompt(single, processor, case), vectors)
    assert torch.equal(logits(single, [vectors]), logits(model, [vectors]))
