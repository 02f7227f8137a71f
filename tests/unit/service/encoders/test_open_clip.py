"""open_clip's SigLIP, as Marqo publishes it: converted once, and then what open_clip and timm would give."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import AutoTokenizer
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from rerank.query import Query
from service.encoders.clip_family.conversion import convert
from service.encoders.clip_family.encoder import ClipEncoder
from service.encoders.text_cleaning import canonicalize
from service.errors import ConfigurationError, EncoderUnavailable
from tests.unit.service.encoders.tiny_clip import make_siglip
from tests.unit.service.encoders.tiny_open_clip import (
    CONTEXT,
    SETTINGS,
    image_features,
    make_open_clip,
    text_features,
    weights,
)

TEXTS = ["Red MUG!", "a  small_cat &amp; dog", "x", "a long tail, a long tail, a long tail"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_open_clip(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def encoder(published: Path, tmp_path_factory: pytest.TempPathFactory) -> ClipEncoder:
    return ClipEncoder.load(convert(published, tmp_path_factory.mktemp("made") / "model").parent, device="cpu", batch=3)


def photo(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (40 + seed, 50, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def test_a_mixed_batch_in_any_order_agrees_with_open_clip(published: Path, encoder: ClipEncoder) -> None:
    images = [photo(seed) for seed in range(4)]
    tokenizer = AutoTokenizer.from_pretrained(published)
    cleaned = ["red mug", "a small cat dog", "x", "a long tail a long tail a long tail"]
    fitted = {"padding": "max_length", "truncation": True, "max_length": CONTEXT, "return_tensors": "pt"}
    ids = tokenizer(cleaned, **fitted)["input_ids"]
    processor: Any = SiglipImageProcessorPil.from_pretrained(published)
    pixels = processor(images, return_tensors="pt")["pixel_values"]
    found = [text_features(weights(), ids), image_features(weights(), pixels)]
    texts, seen = (torch.nn.functional.normalize(rows, dim=-1).numpy() for rows in found)
    both = (texts + seen) / np.linalg.norm(texts + seen, axis=1, keepdims=True)
    expected = np.concatenate([texts, seen, both])
    queries = [Query(text) for text in TEXTS] + [Query(image=image) for image in images]
    queries += [Query(text, image) for text, image in zip(TEXTS, images, strict=True)]
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(queries))
        given = encoder.encode([queries[place] for place in order])
        assert np.abs(given.vectors - expected[order]).max() < 1e-5
    assert len({row.tobytes() for row in expected.round(3)}) == len(queries)


def test_texts_are_canonicalized() -> None:
    assert canonicalize(" Red_MUG!  (no. 1) &amp; “more” ") == "red mug no 1 more"


def test_what_is_not_converted_says_so(published: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"is a checkpoint of open_clip\. .*withthis models convert"):
        ClipEncoder.load(published, device="cpu")


def test_a_target_that_exists_is_left_alone(published: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="already exists"):
        convert(published, tmp_path)


def changed(folder: Path, **settings: object) -> Path:
    made = copy.deepcopy(SETTINGS)
    for name, value in settings.items():
        part = "vision_cfg" if name.startswith("timm") else "text_cfg"
        made["model_cfg"][part][name] = value  # type: ignore[index]
    (make_open_clip(folder) / "open_clip_config.json").write_text(json.dumps(made))
    return folder


@pytest.mark.parametrize(
    "settings",
    [
        {"timm_model_name": "vit_so400m_patch14_siglip_384"},
        {"timm_model_name": "vit_base_patch16_clip_224"},
        {"pool_type": "argmax"},
        {"no_causal_mask": False},
        {"act_kwargs": {"approximate": "tanh"}},
    ],
)
def test_another_architecture_is_refused_and_leaves_nothing(settings: dict[str, object], tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with pytest.raises(EncoderUnavailable, match="does not describe a SigLIP of open_clip"):
        convert(changed(source, **settings), tmp_path / "target")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("visual.trunk.attn_pool.q.bias", "is not complete"),
        ("visual.trunk.norm.bias", r"1 of 88 tensors are missing \(the first: vision_model\.post_layernorm\.bias\)"),
        ("visual.trunk.patch_embed.proj.weight", "does not describe"),
    ],
)
def test_weights_that_are_not_complete_are_refused(missing: str, said: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    make_open_clip(source)
    save_file({name: w for name, w in weights().items() if name != missing}, source / "open_clip_model.safetensors")
    with pytest.raises(EncoderUnavailable, match=said):
        convert(source, tmp_path / "target")


def test_siglip_of_google_is_not_canonicalized(tmp_path: Path) -> None:
    assert ClipEncoder.load(make_siglip(tmp_path), device="cpu")._texts.cleaning == "none"
