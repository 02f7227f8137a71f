"""SigLIP 2, at fixed resolution and NaFlex, and TIPS v2 against the plain transformers calls, on tiny checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from transformers import Siglip2Model, SiglipModel, Tipsv2Model
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil
from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer
from transformers.models.tipsv2.tokenization_tipsv2 import Tipsv2Tokenizer

from rerank.query import Query
from service.encoders.clip_family import checkpoint
from service.encoders.clip_family.encoder import ClipEncoder
from service.encoders.clip_family.texts import TextReader
from service.encoders.probe import probe
from service.errors import EncoderUnavailable
from tests.unit.service.encoders.tiny_clip import SIDE, make_siglip
from tests.unit.service.encoders.tiny_siglip2 import MOST_PATCHES, PATCH, make_naflex, make_siglip2, make_tips

Array = npt.NDArray[Any]
TEXTS = ["A Red mug", "the small CAT with a long tail", "ÄÖ İstanbul", "x"]


class Squashed:
    """What TIPS v2 does to an image; its own processor needs torchvision."""

    def __call__(self, image: Image.Image, return_tensors: str) -> dict[str, torch.Tensor]:
        small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        return {"pixel_values": torch.tensor(np.asarray(small) / np.float32(255)).permute(2, 0, 1)[None]}


@dataclass(frozen=True)
class Kind:
    """A checkpoint through nothing but transformers, one item at a time. `mask`: the text tower takes one."""

    make: Callable[[Path], Path]
    model: Any
    tokenizer: Any
    processor: Callable[[Path], Any]
    mask: bool

    def vectors(self, folder: Path, texts: list[str], images: list[Image.Image]) -> tuple[Array, Array]:
        model, processor = self.model.from_pretrained(folder).eval(), self.processor(folder)
        tokenizer = self.tokenizer.from_pretrained(folder)
        words, seen = [], []
        with torch.no_grad():
            for text in texts:
                tokens = tokenizer([text], padding="max_length", max_length=64, truncation=True, return_tensors="pt")
                inputs = dict(tokens) if self.mask else {"input_ids": tokens["input_ids"]}
                words.append(model.get_text_features(**inputs).pooler_output[0].numpy())
            for image in images:
                prepared = processor(image, return_tensors="pt")
                seen.append(model.get_image_features(**prepared).pooler_output[0].numpy())
        return unit(np.stack(words)), unit(np.stack(seen))


KINDS = {
    "fixed": Kind(make_siglip2, SiglipModel, Siglip2Tokenizer, SiglipImageProcessorPil.from_pretrained, False),
    "naflex": Kind(make_naflex, Siglip2Model, Siglip2Tokenizer, Siglip2ImageProcessorPil.from_pretrained, False),
    "tips": Kind(make_tips, Tipsv2Model, Tipsv2Tokenizer, lambda folder: Squashed(), True),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: kind.make(tmp_path_factory.mktemp(name)) for name, kind in KINDS.items()}


@pytest.fixture(scope="module")
def encoders(folders: dict[str, Path]) -> dict[str, ClipEncoder]:
    return {name: ClipEncoder.load(folder, id=name, device="cpu", batch=3) for name, folder in folders.items()}


def photo(seed: int, size: tuple[int, int]) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise)


def unit(rows: Array) -> Array:
    found: Array = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return found


@pytest.mark.parametrize("name", KINDS)
def test_a_mixed_batch_in_any_order_agrees_with_transformers(
    name: str, folders: dict[str, Path], encoders: dict[str, ClipEncoder]
) -> None:
    images = [photo(number, size) for number, size in enumerate([(53, 40), (40, 90), (SIDE, SIDE), (200, 12)])]
    queries = [Query(text) for text in TEXTS] + [Query(image=image) for image in images]
    queries += [Query(text, image, role="document") for text, image in zip(TEXTS, images, strict=True)]
    texts, seen = KINDS[name].vectors(folders[name], TEXTS, images)
    expected = np.concatenate([texts, seen, unit(texts + seen)])
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(queries))
        found = encoders[name].encode([queries[place] for place in order])
        assert np.abs(found.vectors - expected[order]).max() < 1e-5
        assert not found.truncated.any()
    assert len({row.tobytes() for row in expected.round(3)}) == len(queries), "the checkpoint tells queries apart"


@pytest.mark.parametrize("name", KINDS)
def test_upper_case_is_lower_case(name: str, encoders: dict[str, ClipEncoder]) -> None:
    found = encoders[name].encode([Query("A Red MUG"), Query("a red mug")]).vectors
    assert np.abs(found[0] - found[1]).max() < 1e-6


def test_lower_casing_is_in_the_fingerprint_where_it_changed_vectors(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_siglip(tmp_path)  # SigLIP 1, whose own tokenizer sees to it

    def fingerprints() -> list[str]:
        return [ClipEncoder.load(folder, device="cpu").info.fingerprint for folder in (folders["fixed"], first)]

    found = fingerprints()
    monkeypatch.setattr("service.encoders.clip_family.texts._is_gemmas", lambda tokenizer: False)
    before = fingerprints()
    assert before[0] != found[0] and before[1] == found[1]


def test_gemmas_vocabulary_is_known_without_its_name() -> None:
    class Generic:
        def __len__(self) -> int:
            return 256_000

    class SentencePiece(Generic):
        def __len__(self) -> int:
            return 250_000  # the multilingual SigLIP 1

    kinds = [Generic(), SentencePiece()]
    loaded = pytest.MonkeyPatch()
    with loaded.context() as patch:
        patch.setattr("service.encoders.clip_family.texts.AutoTokenizer.from_pretrained", lambda *_, **__: kinds.pop(0))
        assert [TextReader.load(Path(), "siglip", 64).cleaning for _ in range(2)] == ["lowercase", "none"]


def test_naflex_keeps_the_shape_of_an_image(encoders: dict[str, ClipEncoder]) -> None:
    recipe = encoders["naflex"]._recipe
    inputs = recipe.inputs([photo(0, size) for size in [(40, 40), (400, 100), (30, 900), (3000, 3)]])
    shapes = inputs["spatial_shapes"].tolist()
    assert shapes[0] == [4, 4] and shapes[1] == [2, 8] and shapes[3] == [1, 20]
    assert shapes[2][1] == 1
    assert inputs["pixel_values"].shape == (4, MOST_PATCHES, PATCH * PATCH * 3)
    assert inputs["pixel_attention_mask"].sum(axis=1).tolist() == [rows * columns for rows, columns in shapes]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("mode", "size"), [("L", (9, 9)), ("RGBA", (3, 3000)), ("P", (1, 1))])
def test_any_image_has_an_embedding(
    name: str, mode: str, size: tuple[int, int], encoders: dict[str, ClipEncoder]
) -> None:
    assert np.isfinite(encoders[name].encode([Query(image=Image.new(mode, size))]).vectors).all()


@pytest.mark.parametrize("name", KINDS)
def test_half_precision_stays_close(name: str, folders: dict[str, Path], encoders: dict[str, ClipEncoder]) -> None:
    queries = [Query("a mug"), Query(image=photo(2, (60, 40)))]
    rough = ClipEncoder.load(folders[name], id=name, device="cpu", dtype="bfloat16")
    assert ((rough.encode(queries).vectors * encoders[name].encode(queries).vectors).sum(axis=1) > 0.99).all()
    assert rough.info == encoders[name].info


def test_naflex_files_of_another_patch_size_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    broken = make_naflex(tmp_path)
    recipe = json.loads((broken / "preprocessor_config.json").read_text())
    (broken / "preprocessor_config.json").write_text(json.dumps({**recipe, "patch_size": 16}))
    with pytest.raises(ValueError, match="another size than the model takes"):
        ClipEncoder.load(broken, device="cpu")


def test_the_probe_is_content(encoders: dict[str, ClipEncoder]) -> None:
    for encoder in encoders.values():
        probe(encoder)


def test_a_model_that_this_transformers_lacks_is_explained(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(checkpoint.MODELS, "tipsv2", "Tipsv99Model")
    with pytest.raises(EncoderUnavailable, match=r"has no Tipsv99Model\. Install a newer version"):
        ClipEncoder.load(folders["tips"], device="cpu")
