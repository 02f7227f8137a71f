"""Embeddings, image tokens and token ids equal those of the published code, however the queries come."""

import random

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from rerank.query import Query
from service.encoders.device import DtypeName
from service.encoders.probe import probe
from service.encoders.tokens import Tokenizer, pad
from service.encoders.visualized_bge.config import published, read_vision_config
from service.encoders.visualized_bge.encoder import VisualizedBgeEncoder
from service.encoders.visualized_bge.preprocessing import normalize, to_bytes
from service.encoders.visualized_bge.vision import RotaryTable
from tests.parity.visualized_bge.golden_data import BASE, TOLERANCE, Golden


def queries(golden: Golden) -> list[Query]:
    return [golden.query(case["text"], case["image"]) for case in golden.singles]


def wanted(golden: Golden) -> npt.NDArray[np.float32]:
    return np.stack([golden.expected[case["id"]].numpy() for case in golden.singles])


def test_each_query_alone(golden: Golden, encoder: VisualizedBgeEncoder) -> None:
    for case, query, expected in zip(golden.singles, queries(golden), wanted(golden), strict=True):
        result = encoder.encode([query])
        assert np.abs(result.vectors[0] - expected).max() < TOLERANCE, case["id"]
        assert not result.truncated[0], case["id"]


@pytest.mark.parametrize("seed", range(4))
def test_one_mixed_batch_in_any_order(golden: Golden, encoder: VisualizedBgeEncoder, seed: int) -> None:
    order = list(range(len(golden.singles)))
    random.Random(seed).shuffle(order)
    every, expected = queries(golden), wanted(golden)
    result = encoder.encode([every[row] for row in order])
    assert np.abs(result.vectors - expected[order]).max() < TOLERANCE
    assert result.vectors.dtype == np.float32 and result.vectors.flags.writeable


def test_compiled_passes(golden: Golden, compiled: VisualizedBgeEncoder) -> None:
    every, expected = queries(golden), wanted(golden)
    assert np.abs(compiled.encode(every).vectors - expected).max() < TOLERANCE
    assert np.abs(compiled.encode(every[:1]).vectors - expected[:1]).max() < TOLERANCE


@pytest.mark.parametrize("rows", [1, 3, 8])
@pytest.mark.parametrize("words", [1, 5, 90])
def test_compiled_passes_of_other_sizes_than_they_were_exported_with(
    golden: Golden, compiled: VisualizedBgeEncoder, from_pth: VisualizedBgeEncoder, rows: int, words: int
) -> None:
    texts = ["red " * words, *(f"{'mug ' * (row % words)}red" for row in range(1, rows))]
    with_images = [Query(text, Image.new("RGB", (90, 60 + row), "orange")) for row, text in enumerate(texts)]
    for some in ([Query(text) for text in texts], with_images):
        assert np.abs(compiled.encode(some).vectors - from_pth.encode(some).vectors).max() < TOLERANCE


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_the_size_of_batches_changes_nothing(golden: Golden, batch: int) -> None:
    encoder = VisualizedBgeEncoder.load(golden.encoder, golden.weights, device="cpu", batch=batch)
    assert np.abs(encoder.encode(queries(golden)).vectors - wanted(golden)).max() < TOLERANCE


def test_the_published_batches(golden: Golden, encoder: VisualizedBgeEncoder) -> None:
    for case in golden.batches:
        empty = [None] * len(case["texts"] or case["images"])
        members = zip(case["texts"] or empty, case["images"] or empty, strict=True)
        vectors = encoder.encode([golden.query(text, image) for text, image in members]).vectors
        assert np.abs(vectors - golden.expected[case["id"]].numpy()).max() < TOLERANCE, case["id"]


def test_image_tokens(golden: Golden, encoder: VisualizedBgeEncoder) -> None:
    names = [key for key in golden.expected if key.startswith("image_tokens.")]
    vision = encoder._model.vision_config
    assert names
    for key in names:
        raw = torch.from_numpy(to_bytes([golden.image(f"{key.split('.')[1]}.png")], "crop"))
        with torch.inference_mode():
            tokens = encoder._model.image_tokens(normalize(raw, vision.image_mean, vision.image_std))
        assert tokens.shape[1] == vision.image_tokens
        assert (tokens[0] - golden.expected[key]).abs().max() < TOLERANCE, key


def test_the_empty_text_which_only_the_model_takes(golden: Golden, encoder: VisualizedBgeEncoder) -> None:
    case = next(case for case in golden.cases if case["id"] == "text_empty")
    with torch.inference_mode():
        vector = encoder._model.embed_text(torch.tensor([case["input_ids"]]))
    assert (vector[0] - golden.expected["text_empty"]).abs().max() < TOLERANCE


def test_token_ids_and_padding(golden: Golden) -> None:
    tokenizer = Tokenizer(golden.folder, 10**6)
    for case in golden.cases:
        texts = case.get("texts") or [case.get("text") or ""]
        if case.get("images") and not case["texts"]:
            texts = [""] * len(case["images"])
        rows = [tokens.ids for tokens in tokenizer(texts, [10**6] * len(texts))]
        ids, mask = pad(rows, tokenizer.pad_id)
        assert (ids.tolist() if "texts" in case else rows[0]) == case["input_ids"], case["id"]
        if "texts" in case:
            assert (torch.ones_like(ids) if mask is None else mask.long()).tolist() == case["attention_mask"]


def test_the_rotary_formula_gives_the_stored_tables(golden: Golden) -> None:
    vision = read_vision_config(golden.folder, published(golden.encoder))
    table, stored = RotaryTable(vision), torch.load(golden.weights, weights_only=True)
    table.fill(vision)
    for name in ("freqs_cos", "freqs_sin"):
        assert torch.allclose(getattr(table, name), stored[f"model_visual.visual.rope.{name}"], atol=1e-6)


def test_a_half_precision_file_in_float32() -> None:
    expected = load_file(BASE.folder / "expected_fp16.safetensors")
    encoder = VisualizedBgeEncoder.load(BASE.encoder, BASE.folder / "weights_fp16.pth", device="cpu", dtype="float32")
    for case in BASE.singles:
        vector = encoder.encode([BASE.query(case["text"], case["image"])]).vectors[0]
        assert np.abs(vector - expected[case["id"]].numpy()).max() < TOLERANCE, case["id"]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_close(golden: Golden, from_pth: VisualizedBgeEncoder, dtype: DtypeName) -> None:
    encoder = VisualizedBgeEncoder.load(golden.encoder, golden.weights, device="cpu", dtype=dtype)
    some = queries(golden)[::4]  # two texts, two images, one of both: half precision is slow on a CPU
    vectors = encoder.encode(some).vectors
    assert (vectors * from_pth.encode(some).vectors).sum(axis=1).min() >= 0.999
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_what_doctor_asks(encoder: VisualizedBgeEncoder) -> None:
    probe(encoder)
