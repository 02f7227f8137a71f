"""The CLIP family against the plain transformers calls, on tiny checkpoints made here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer, ChineseCLIPModel, CLIPModel, SiglipModel
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import ChineseCLIPImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from rerank.query import Query
from service.encoders.clip_family.checkpoint import PINNED, find
from service.encoders.clip_family.conversion import convert
from service.encoders.clip_family.encoder import ClipEncoder
from service.encoders.clip_family.image_processing import ImageRecipe
from service.encoders.encoder import Embeddings
from service.encoders.probe import probe
from service.errors import ConfigurationError, EncoderUnavailable
from tests.unit.service.encoders.tiny_clip import POEM, SIDE, make_chinese_clip, make_clip, make_siglip

Array = npt.NDArray[Any]
KINDS: dict[str, tuple[Callable[[Path], Path], Any, Any, int]] = {
    "clip": (make_clip, CLIPModel, CLIPImageProcessorPil, 77),
    "chinese-clip": (make_chinese_clip, ChineseCLIPModel, ChineseCLIPImageProcessorPil, 52),
    "siglip": (make_siglip, SiglipModel, SiglipImageProcessorPil, 64),
}
TEXTS = ["a mug", "the small cat with a long tail", POEM, "红色的杯子"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One checkpoint of each kind."""
    return {name: make(tmp_path_factory.mktemp(name)) for name, (make, *_) in KINDS.items()}


@pytest.fixture(scope="module")
def encoders(folders: dict[str, Path]) -> dict[str, ClipEncoder]:
    """The same, loaded."""
    return {name: ClipEncoder.load(folder, id=name, device="cpu", batch=3) for name, folder in folders.items()}


def sample_image(seed: int, size: tuple[int, int] = (53, 40)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((size[0], size[1]))


def unit(rows: Array) -> Array:
    found: Array = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return found


class Plain:
    """The checkpoint through nothing but transformers, one item at a time."""

    def __init__(self, name: str, folder: Path) -> None:
        _, model, processor, self.limit = KINDS[name]
        self.fixed = name == "siglip"
        self.model = model.from_pretrained(folder).eval()
        self.processor = processor.from_pretrained(folder)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    def text(self, text: str) -> Array:
        padding = "max_length" if self.fixed else False
        tokens = self.tokenizer([text], padding=padding, truncation=True, max_length=self.limit, return_tensors="pt")
        inputs = {"input_ids": tokens["input_ids"]} if self.fixed else dict(tokens)
        with torch.no_grad():
            found: Array = self.model.get_text_features(**inputs).pooler_output[0].numpy()
        return found

    def image(self, image: Image.Image) -> Array:
        with torch.no_grad():
            pixels = self.processor(image, return_tensors="pt")["pixel_values"]
            found: Array = self.model.get_image_features(pixels).pooler_output[0].numpy()
        return found


@pytest.mark.parametrize("name", KINDS)
def test_all_kinds_of_queries_agree_with_transformers(
    name: str, folders: dict[str, Path], encoders: dict[str, ClipEncoder]
) -> None:
    plain = Plain(name, folders[name])
    images = [sample_image(number, (40 + 9 * number, 61 - 7 * number)) for number in range(4)]
    queries = [Query(text) for text in TEXTS]
    queries += [Query(image=image) for image in images]
    queries += [Query(text, image) for text, image in zip(TEXTS, images, strict=True)]
    texts = unit(np.stack([plain.text(text) for text in TEXTS]))
    seen = unit(np.stack([plain.image(image) for image in images]))
    expected = np.concatenate([texts, seen, unit(texts + seen)])
    found = encoders[name].encode(queries)
    assert np.abs(found.vectors - expected).max() < 1e-6
    assert found.vectors.dtype == np.float32 and not found.truncated.any()
    assert len({row.tobytes() for row in found.vectors.round(3)}) > 8  # the checkpoint tells queries apart


@pytest.mark.parametrize("name", KINDS)
def test_the_order_of_a_mixed_batch_does_not_matter(name: str, encoders: dict[str, ClipEncoder]) -> None:
    queries = [Query("a " * (number + 1), sample_image(number) if number % 2 else None) for number in range(7)]
    order = np.random.default_rng(3).permutation(len(queries))
    straight, mixed = encoders[name].encode(queries), encoders[name].encode([queries[place] for place in order])
    assert np.abs(mixed.vectors - straight.vectors[order]).max() < 1e-6


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("size", [(53, 40), (40, 53), (SIDE, SIDE), (7, 90), (300, 200)])
def test_pixels_are_those_of_the_pillow_processor(name: str, folders: dict[str, Path], size: tuple[int, int]) -> None:
    raw = json.loads((folders[name] / "preprocessor_config.json").read_text())
    expected = KINDS[name][2].from_pretrained(folders[name])(sample_image(1, size), return_tensors="np")["pixel_values"]
    found = ImageRecipe.read(raw, name.replace("-", "_")).pixels([sample_image(1, size)])
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-6


@pytest.mark.parametrize(("name", "limit"), [("clip", 77), ("chinese-clip", 52), ("siglip", 64)])
def test_a_text_is_cut_at_the_limit_and_says_so(name: str, limit: int, encoders: dict[str, ClipEncoder]) -> None:
    encoder = encoders[name]
    room = limit - 2  # the two that open and close a text
    assert encoder.info.max_text_tokens == limit
    words = [" ".join("a" * count) for count in (room, room + 1, 10_000)]
    found = encoder.encode([Query(text) for text in words])
    assert found.truncated.tolist() == [False, True, True]
    assert np.abs(found.vectors[1:] - found.vectors[0]).max() < 1e-6


@pytest.mark.parametrize("weight", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("blend", ["unit", "raw"])
def test_a_composed_query_is_the_weighted_sum(weight: float, blend: Any, folders: dict[str, Path]) -> None:
    plain = Plain("clip", folders["clip"])
    text, image = plain.text("a mug"), plain.image(sample_image(5))
    if blend == "unit":
        text, image = unit(text), unit(image)
    encoder = ClipEncoder.load(folders["clip"], device="cpu", text_weight=weight, blend=blend)
    assert encoder.info.weighs_parts
    composed, alone = Query("a mug", sample_image(5)), Query("a mug", text_share=0.1)
    found = encoder.encode([composed, alone, Query("a mug", sample_image(5), text_share=0.7)])
    assert np.abs(found.vectors[0] - unit(weight * text + (1 - weight) * image)).max() < 1e-6
    assert np.abs(found.vectors[1] - unit(text)).max() < 1e-6
    assert np.abs(found.vectors[2] - unit(0.7 * text + 0.3 * image)).max() < 1e-6


def test_chinese_characters_are_read_one_by_one(encoders: dict[str, ClipEncoder]) -> None:
    other = POEM[::-1]
    found = encoders["chinese-clip"].encode([Query(POEM), Query(POEM), Query(other)]).vectors
    assert found[0] @ found[1] > 0.999999
    assert found[0] @ found[2] < 0.999


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("text", ["\x00\x07\x1b", "\ud83d", "👩‍👩‍👧 ﷽", "<|endoftext|> a", "[SEP]" * 100])
def test_odd_texts_have_an_embedding(name: str, text: str, encoders: dict[str, ClipEncoder]) -> None:
    found = encoders[name].encode([Query(text), Query(text, sample_image(1))])
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)


def test_a_blank_text_with_an_image_is_the_image_alone(encoders: dict[str, ClipEncoder]) -> None:
    found = encoders["clip"].encode([Query("  ", sample_image(1)), Query(image=sample_image(1))]).vectors
    assert np.abs(found[0] - found[1]).max() < 1e-6
    assert encoders["clip"].encode([]).vectors.shape == (0, 12)


@pytest.mark.parametrize(("mode", "size"), [("L", (9, 9)), ("RGBA", (3, 3000)), ("P", (1, 1)), ("RGB", (5000, 4))])
def test_any_image_has_an_embedding(mode: str, size: tuple[int, int], encoders: dict[str, ClipEncoder]) -> None:
    for fit in ("crop", "pad"):
        recipe = ImageRecipe.read({"size": SIDE, "crop_size": SIDE}, "clip", fit)
        assert recipe.pixels([Image.new(mode, size)]).shape == (1, 3, SIDE, SIDE)
    assert np.isfinite(encoders["clip"].encode([Query(image=Image.new(mode, size))]).vectors).all()


def test_padding_keeps_what_cropping_cuts_off() -> None:
    wide = Image.new("RGB", (200, 50), "white")
    wide.paste((255, 0, 0), (0, 0, 20, 50))  # at the very left
    raw = {"size": SIDE, "crop_size": SIDE}
    cropped, padded = (ImageRecipe.read(raw, "clip", fit).pixels([wide])[0] for fit in ("crop", "pad"))
    assert np.ptp(cropped[1]) == 0
    assert padded[1, SIDE // 2, 0] < -1
    assert np.ptp(padded[:, 0, :], axis=1).max() == 0 and padded[:, 0, 0].min() > 1.9  # the frame is white


@pytest.mark.parametrize(
    "raw",
    [
        {"crop_size": {"height": 30, "width": 40}},
        {"size": {"shortest_edge": 20}, "crop_size": 30},
        {"size": {"shortest_edge": 20}, "do_center_crop": False},
    ],
)
def test_a_recipe_that_gives_no_square_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"square|size"):
        ImageRecipe.read(raw, "clip")


@pytest.mark.parametrize("name", KINDS)
def test_half_precision_stays_close(name: str, folders: dict[str, Path], encoders: dict[str, ClipEncoder]) -> None:
    queries = [Query("a mug"), Query(image=sample_image(2)), Query("a mug", sample_image(3))]
    exact = encoders[name].encode(queries).vectors
    for dtype in ("bfloat16", "float16"):
        encoder = ClipEncoder.load(folders[name], id=name, device="cpu", dtype=dtype)
        rough = encoder.encode(queries).vectors
        assert rough.dtype == np.float32
        assert ((rough * exact).sum(axis=1) > 0.995).all()  # 16 numbers a layer round more than 768 do
        assert encoder.info.fingerprint == encoders[name].info.fingerprint


def test_the_fingerprint_follows_everything_that_changes_vectors_of_products(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    def fingerprint(folder: Path = folders["clip"], **options: Any) -> str:
        return ClipEncoder.load(folder, device="cpu", **options).info.fingerprint

    changed = Path(shutil.copytree(folders["clip"], tmp_path / "changed"))
    config = json.loads((changed / "preprocessor_config.json").read_text())
    (changed / "preprocessor_config.json").write_text(json.dumps({**config, "resample": 2}))
    known = [fingerprint(), fingerprint(fit="pad"), fingerprint(blend="raw"), fingerprint(changed)]
    assert len(set(known)) == 4
    assert fingerprint(shutil.copytree(folders["clip"], tmp_path / "copy"), text_weight=0.9, batch=1) == known[0]


def test_threads_do_not_disturb_each_other(encoders: dict[str, ClipEncoder]) -> None:
    encoder = encoders["clip"]
    queries = [Query("a " * (number * 5 + 1)) for number in range(16)]  # lengths differ, so padding does

    def one(query: Query) -> Embeddings:
        return encoder.encode([query])

    with ThreadPoolExecutor(8) as pool:
        found = np.concatenate([result.vectors for result in pool.map(one, queries)])
    assert np.abs(found - encoder.encode(queries).vectors).max() < 1e-6


def test_a_pickled_checkpoint_is_converted_once_and_never_loaded(folders: dict[str, Path], tmp_path: Path) -> None:
    pickled = Path(shutil.copytree(folders["clip"], tmp_path / "pickled"))
    (pickled / "model.safetensors").unlink()
    torch.save(CLIPModel.from_pretrained(folders["clip"]).state_dict(), pickled / "pytorch_model.bin")
    with pytest.raises(EncoderUnavailable, match=r"withthis models convert .* TARGET"):
        ClipEncoder.load(pickled, device="cpu")
    weights = convert(pickled, tmp_path / "converted")
    assert weights.name == "model.safetensors"
    queries = [Query("a mug", sample_image(1))]
    found, expected = (
        ClipEncoder.load(folder, device="cpu").encode(queries).vectors for folder in (weights.parent, folders["clip"])
    )
    assert np.array_equal(found, expected)


class Trap:
    """A pickle that would run something."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("the trap is sprung",))


def test_a_pickle_that_runs_something_is_refused(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pickled = Path(shutil.copytree(folders["clip"], tmp_path / "pickled"))
    torch.save({"weight": Trap()}, pickled / "pytorch_model.bin")
    with pytest.raises(EncoderUnavailable, match="damaged or contains more than tensors"):
        convert(pickled, tmp_path / "converted")
    assert "sprung" not in capsys.readouterr().out
    assert not (tmp_path / "converted").exists()


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_missing_file_is_named(file: str, folders: dict[str, Path], tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folders["clip"], tmp_path / "broken"))
    (broken / file).unlink()
    with pytest.raises(EncoderUnavailable) as caught:
        ClipEncoder.load(broken, device="cpu")
    assert file in caught.value.detail


def test_weights_that_do_not_fill_the_model_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folders["clip"], tmp_path / "broken"))
    state = CLIPModel.from_pretrained(broken).state_dict()
    del state["visual_projection.weight"]
    (broken / "model.safetensors").unlink()
    torch.save(state, broken / "pytorch_model.bin")
    convert(broken, tmp_path / "converted")
    with pytest.raises(EncoderUnavailable, match="1 weights are missing"):
        ClipEncoder.load(tmp_path / "converted", device="cpu")


def test_another_kind_of_model_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    other = Path(shutil.copytree(folders["clip"], tmp_path / "other"))
    (other / "config.json").write_text(json.dumps({"model_type": "bert", "auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(EncoderUnavailable, match="'bert'"):
        ClipEncoder.load(other, device="cpu")


@pytest.mark.parametrize("name", ["nowhere", "a/b/c", "/nowhere/at/all", "../up"])
def test_what_is_no_folder_and_no_hub_name_is_not_looked_for_on_the_hub(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.encoders.clip_family.checkpoint.snapshot_download", pytest.fail)
    with pytest.raises(EncoderUnavailable, match="There is no folder"):
        find(name, None, ())


def test_a_hub_name_goes_to_the_hub_with_its_revision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, str | None, list[str]]] = []

    def download(name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((name, revision, allow_patterns))
        if not allow_patterns:
            raise FileNotFoundError("no network")
        return str(tmp_path)

    monkeypatch.setattr("service.encoders.clip_family.checkpoint.snapshot_download", download)
    known, other = "openai/clip-vit-base-patch32", "someone/clip"
    assert find(Path(known), "abc", ["config.json"]) == tmp_path
    assert asked == [(known, "abc", ["config.json"])]
    find(known, None, ["config.json"])
    find(other, None, ["config.json"])
    assert [revision for _, revision, _ in asked[1:]] == [PINNED[known], None]
    with pytest.raises(EncoderUnavailable, match="hf download openai/clip"):
        find(known, None, [])


def test_a_device_that_is_not_there_is_explained(folders: dict[str, Path]) -> None:
    with pytest.raises(ConfigurationError):
        ClipEncoder.load(folders["clip"], device="toaster")


def test_the_probe_finds_weights_that_are_no_numbers(folders: dict[str, Path], tmp_path: Path) -> None:
    probe(ClipEncoder.load(folders["clip"], device="cpu"))
    broken = Path(shutil.copytree(folders["clip"], tmp_path / "broken"))
    model = CLIPModel.from_pretrained(broken)
    torch.nn.init.constant_(model.visual_projection.weight, float("nan"))
    model.save_pretrained(broken)
    with pytest.raises(EncoderUnavailable, match="length 1"):
        probe(ClipEncoder.load(broken, device="cpu"))
