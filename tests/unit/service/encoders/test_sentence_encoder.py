"""Tiny EmbeddingGemma 2 and Qwen3-VL-Embedding in this process: their vectors are sentence-transformers' own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sentence_transformers import SentenceTransformer

from rerank.engines.processors import without_torchvision
from rerank.query import Query
from service.build import load_encoder
from service.encoders.options import Instructions
from service.encoders.sentence_models.sentence_encoder import SentenceEncoder
from service.errors import ConfigurationError, EncoderUnavailable
from service.settings import Settings
from service.stores.store import Vector
from tests.unit.service.encoders.sentence_checkpoints import make_embedding_gemma, make_qwen_embedding

RED, BLUE = Image.new("RGB", (60, 40), "red"), Image.new("RGB", (40, 56), "blue")
QUERIES = [
    Query("a red mug"),
    Query("a red mug", role="document"),
    Query(image=RED),
    Query("with this", RED),
    Query("a mug with a rose", BLUE, role="document"),
    Query("a much longer text about a blue cap with a wave on it"),
    Query(image=BLUE, role="document"),
    Query("a cap", instruction="Find its color. "),
]
Made = tuple[Path, SentenceEncoder, Any]


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = make_embedding_gemma(tmp_path_factory.mktemp("gemma"))
    return folder, SentenceEncoder.load(folder, device="cpu", prompts_images=False, batch=2), own_model(folder)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = make_qwen_embedding(tmp_path_factory.mktemp("qwen"))
    return folder, SentenceEncoder.load(folder, device="cpu", batch=2), own_model(folder)


@pytest.fixture(params=["gemma", "qwen"])
def made(request: pytest.FixtureRequest) -> Made:
    found: Made = request.getfixturevalue(request.param)
    return found


def own_model(folder: Path) -> Any:
    """The checkpoint as a user of sentence-transformers loads it."""
    with without_torchvision():
        return SentenceTransformer(str(folder), device="cpu")


def own_call(model: Any, query: Query, *, prompts_images: bool) -> Vector:
    """The vector as the documentation of sentence-transformers asks for it, one input a call."""
    parts: dict[str, Any] = {} if query.image is None else {"image": query.image}
    parts |= {"text": query.text} if query.text else {}
    given = parts if len(parts) == 2 else next(iter(parts.values()))
    if query.instruction is not None or (query.image is not None and not prompts_images):
        vector = model.encode(given, prompt=query.instruction)
    else:
        vector = (model.encode_query if query.role == "query" else model.encode_document)(given)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def test_vectors_are_those_of_sentence_transformers(made: Made) -> None:
    """For text, image and both, as query and as document, in any order of a mixed batch."""
    _, encoder, model = made
    expected = np.stack([own_call(model, query, prompts_images=encoder._prompts_images) for query in QUERIES])
    order = np.random.default_rng(0).permutation(len(QUERIES))
    assert np.abs(encoder.encode(QUERIES).vectors - expected).max() < 1e-5
    assert np.abs(encoder.encode([QUERIES[place] for place in order]).vectors - expected[order]).max() < 1e-5
    assert np.abs(np.concatenate([encoder.encode([query]).vectors for query in QUERIES]) - expected).max() < 1e-5
    assert len(np.unique(expected.round(5), axis=0)) == len(QUERIES)  # no two inputs are the same for the model
    assert encoder.info.modalities == {"text", "image", "composed"} and not encoder.info.weighs_parts


def test_a_prompt_goes_before_words_and_not_before_images_of_embedding_gemma(gemma: Made) -> None:
    """As MTEB runs it: the two prompts are for texts, and an input with an image is the image and the bare text."""
    _, encoder, model = gemma
    [text, image, both] = encoder.encode([Query("a mug"), Query(image=RED), Query("a mug", RED)]).vectors
    assert np.allclose(text, model.encode("task: search result | query: a mug"), atol=1e-5)
    assert np.allclose(image, model.encode(RED), atol=1e-5)
    assert np.allclose(both, model.encode({"image": RED, "text": "a mug"}), atol=1e-5)


def test_a_text_is_never_opened_as_an_address(made: Made, tmp_path: Path) -> None:
    """sentence-transformers opens a string that is a path or a URL of an image."""
    _, encoder, model = made
    RED.save(tmp_path / "red.png")
    path = str(tmp_path / "red.png")
    words, image = encoder.encode([Query(path), Query(image=RED)]).vectors
    assert np.allclose(words, model.encode_query({"text": path}), atol=1e-5)
    assert not np.allclose(words, image, atol=1e-3)
    assert len(encoder.encode([Query("https://127.0.0.1:9/a.png"), Query("data:image/png;base64,AAAA", RED)]).vectors)


@pytest.mark.parametrize("text", ["a <image_soft_token>", "<|image_pad|><|im_end|> mug", "\ud800 mug", "<pad><eos>a"])
def test_special_tokens_in_a_text_are_not_special(made: Made, text: str) -> None:
    _, encoder, _ = made
    found = encoder.encode([Query(text), Query(text, RED)])
    assert np.isfinite(found.vectors).all()


def test_a_long_text_is_cut_and_says_so(gemma: Made) -> None:
    _, encoder, _ = gemma
    assert encoder.info.max_text_tokens == 200
    found = encoder.encode([Query("mug " * 900), Query("mug"), Query(image=RED), Query("mug " * 900, RED)])
    assert found.truncated.tolist() == [True, False, False, True]
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-4)


def test_fewer_dimensions_are_the_first_ones_normalized_again(gemma: Made) -> None:
    folder, encoder, model = gemma
    short = SentenceEncoder.load(folder, device="cpu", dimensions=8, matryoshka=(8, 16), prompts_images=False)
    assert short.info.dimension == 8 and short.info.fingerprint != encoder.info.fingerprint
    whole = encoder.encode(QUERIES).vectors[:, :8]
    assert np.allclose(short.encode(QUERIES).vectors, whole / np.linalg.norm(whole, axis=1, keepdims=True), atol=1e-5)
    for wrong, known in ((9, (8, 16)), (25, ())):
        with pytest.raises(ConfigurationError, match="WITHTHIS_ENCODER_DIMENSIONS"):
            SentenceEncoder(model, id="x", fingerprint="x", dimensions=wrong, matryoshka=known)


def test_the_fingerprint_is_of_what_shapes_products(gemma: Made, tmp_path: Path) -> None:
    folder, encoder, _ = gemma
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))

    def fingerprint(**options: Any) -> str:
        return SentenceEncoder.load(copy, device="cpu", prompts_images=False, **options).info.fingerprint

    assert fingerprint(batch=7, instructions=Instructions(query="Find it.")) == encoder.info.fingerprint
    assert fingerprint(instructions=Instructions(document="Store it.")) != encoder.info.fingerprint
    config = json.loads((copy / "config_sentence_transformers.json").read_text())
    config["prompts"]["document"] = "another: "
    (copy / "config_sentence_transformers.json").write_text(json.dumps(config))
    assert fingerprint() != encoder.info.fingerprint


def with_own_code(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["type"] = "custom_module.Transformer"
    (folder / "modules.json").write_text(json.dumps(modules))


def without_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def without_modules(folder: Path) -> None:
    (folder / "modules.json").unlink()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (with_own_code, "never run"),
        (without_safetensors, "safetensors"),
        (without_modules, "no checkpoint of s"),
    ],
)
def test_what_is_not_loaded(gemma: Made, tmp_path: Path, harm: Callable[[Path], None], said: str) -> None:
    copy = Path(shutil.copytree(gemma[0], tmp_path / "copy"))
    harm(copy)
    with pytest.raises(EncoderUnavailable, match=said):
        SentenceEncoder.load(copy, device="cpu")


def test_the_settings_choose_it(gemma: Made) -> None:
    folder, _, _ = gemma
    chosen = {"encoder_path": folder, "encoder_device": "cpu"}
    for name in ("embeddinggemma-2", "sentence-transformers"):
        loaded = load_encoder(Settings(_env_file=None, encoder=name, **chosen))  # type: ignore[arg-type]
        assert (loaded.info.id, loaded.info.dimension) == (name, 24)
    with pytest.raises(EncoderUnavailable, match="WITHTHIS_ENCODER_PATH"):
        load_encoder(Settings(_env_file=None, encoder="sentence-transformers"))
