"""Embeddings, and every stage before them, equal those of the published code, however the queries come."""

import random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from rerank.query import Query
from service.encoders.magiclens.magiclens_encoder import MagicLensEncoder
from service.encoders.magiclens.preprocessing import to_pixels
from service.encoders.probe import probe
from tests.parity.magiclens.golden_data import (
    BATCHES,
    LOOSE,
    SINGLES,
    TOLERANCE,
    WEIGHTS,
    expected,
    image,
    opened,
    query,
)


def wanted() -> npt.NDArray[np.float32]:
    return np.stack([expected()[f"{case['id']}.embed_norm"].numpy() for case in SINGLES])


def test_each_query_alone(encoder: MagicLensEncoder) -> None:
    for case, vector in zip(SINGLES, wanted(), strict=True):
        result = encoder.encode([query(case)])
        assert np.abs(result.vectors[0] - vector).max() < TOLERANCE, case["id"]
        assert not result.truncated[0], case["id"]


@pytest.mark.parametrize("seed", range(4))
def test_one_mixed_batch_in_any_order(encoder: MagicLensEncoder, seed: int) -> None:
    order = list(range(len(SINGLES)))
    random.Random(seed).shuffle(order)
    result = encoder.encode([query(SINGLES[row]) for row in order])
    assert np.abs(result.vectors - wanted()[order]).max() < TOLERANCE
    assert result.vectors.dtype == np.float32 and result.vectors.flags.writeable


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_the_size_of_batches_changes_nothing(batch: int) -> None:
    encoder = MagicLensEncoder.load(WEIGHTS, device="cpu", batch=batch)
    assert np.abs(encoder.encode([query(case) for case in SINGLES]).vectors - wanted()).max() < TOLERANCE


def test_the_published_batches(encoder: MagicLensEncoder) -> None:
    for case in BATCHES:
        members = zip(case["texts"], case["images"], strict=True)
        vectors = encoder.encode([Query(text or None, opened(name)) for text, name in members]).vectors
        assert np.abs(vectors - expected()[f"{case['id']}.embed_norm"].numpy()).max() < TOLERANCE, case["id"]


@pytest.mark.parametrize("case", SINGLES, ids=lambda case: str(case["id"]))
def test_every_stage(from_pickle: MagicLensEncoder, case: dict[str, Any]) -> None:
    def distance(stage: str, found: torch.Tensor) -> float:
        return float((found[0] - expected()[f"{case['id']}.{stage}"]).abs().max())

    model = from_pickle._model
    raw = to_pixels([image(case)], "crop", model.sizes.image_size)
    assert np.abs(raw[0].transpose(1, 2, 0) - expected()[case["pixels"]].numpy()).max() < TOLERANCE
    [tokens] = from_pickle._tokenizer([case["text"]], [77])
    assert tokens.ids == case["input_ids"]
    with torch.inference_mode():
        pixels, ids = torch.from_numpy(raw), torch.tensor([tokens.ids])
        pair = model.tokens(pixels, ids)
        assert distance("clip_image", model.image_features(pixels)) < TOLERANCE
        assert distance("clip_text", model.text_features(ids)) < TOLERANCE
        assert distance("tokens", pair) < LOOSE
        assert distance("embed", model.pooler(pair)) < LOOSE


def test_pixels_of_every_image() -> None:
    stored = [key for key in expected() if key.startswith("pixels.") and ".direct." not in key]
    assert len(stored) == 9
    for key in stored:
        found = to_pixels([opened(f"{key.removeprefix('pixels.')}.png")], "crop", 48)[0]
        assert np.abs(found.transpose(1, 2, 0) - expected()[key].numpy()).max() < TOLERANCE, key


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_close(dtype: Any, from_pickle: MagicLensEncoder) -> None:
    rough = MagicLensEncoder.load(WEIGHTS, device="cpu", dtype=dtype)
    vectors = rough.encode([query(case) for case in SINGLES]).vectors
    assert ((vectors * wanted()).sum(axis=1) > 0.999).all()
    assert rough.info == from_pickle.info, "what was indexed on a GPU is searched on a CPU"


def test_the_probe_is_content(encoder: MagicLensEncoder) -> None:
    probe(encoder)
