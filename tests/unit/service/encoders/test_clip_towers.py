"""The towers of the CLIP family compiled: what torch gives, and no weights twice."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from rerank.query import Query
from service.build import load_encoder
from service.encoders.clip_family import towers
from service.encoders.clip_family.checkpoint import Checkpoint
from service.encoders.clip_family.encoder import ClipEncoder
from service.encoders.clip_family.first_token import FirstToken, see_first_token
from service.encoders.clip_family.towers import Tower, Towers
from service.encoders.compiled.spread import Spread
from service.encoders.probe import probe
from service.settings import Settings
from tests.unit.service.encoders.tiny_clip import POEM, make_chinese_clip, make_clip, make_siglip
from tests.unit.service.encoders.tiny_siglip2 import make_naflex, make_siglip2, make_tips

KINDS: dict[str, Callable[[Path], Path]] = {
    "clip": make_clip,
    "chinese-clip": make_chinese_clip,
    "siglip": make_siglip,
    "siglip2": make_siglip2,
    "naflex": make_naflex,
    "tips": make_tips,
}
TEXTS = ["a mug", "the small cat with a long tail " * 9, POEM, "x"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """One checkpoint of each kind; graphs that are exported are kept in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield {name: make(tmp_path_factory.mktemp(name)) for name, make in KINDS.items()}


def photo(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (40 + seed, 53, 3), dtype=np.uint8)
    return Image.fromarray(noise)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_compiled_towers_give_what_torch_gives(
    name: str, wide: bool, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(towers, "_MOST_SPREAD", 0 if wide else 64)
    torch_alone, compiled = (
        ClipEncoder.load(folders[name], id=name, device="cpu", batch=5, backend=backend)
        for backend in ("torch", "auto")
    )
    assert isinstance(compiled._towers.images, Tower if name in ("naflex", "tips") else Spread)
    assert isinstance(torch_alone._towers.texts, Tower) and not isinstance(compiled._towers.texts, Tower)
    assert compiled.info == torch_alone.info
    texts = [Query(TEXTS[row % len(TEXTS)] + " a" * row) for row in range(11)]
    images = [Query(image=photo(row)) for row in range(11)]
    both = [replace(text, image=image.image) for text, image in zip(texts, images, strict=True)]
    for queries in (texts[:1], images[:1], both[:1], [*both, *texts, *images]):
        found, expected = (encoder.encode(queries) for encoder in (compiled, torch_alone))
        assert np.abs(found.vectors - expected.vectors).max() < 1e-5
        assert (found.truncated == expected.truncated).all()
    probe(compiled)


def test_weights_are_freed_that_were_compiled(folders: dict[str, Path]) -> None:
    models = [Checkpoint.open(folders["clip"]).model(torch.device("cpu"), torch.float32)]
    kept = [weakref.ref(part) for part in (models[0].vision_model, models[0].text_model)]
    found = Towers.of(models.pop(), ("pixel_values",), ("input_ids",), "auto")
    gc.collect()
    assert [part() for part in kept] == [None, None]
    assert found.images(torch.randn(2, 3, 32, 32)).shape == (2, 12)


def test_the_back_end_is_that_of_the_settings(folders: dict[str, Path]) -> None:
    for backend, dtype, expected in (("auto", "auto", Spread), ("torch", "auto", Tower), ("auto", "bfloat16", Tower)):
        settings = Settings(
            _env_file=None,
            encoder="clip",
            encoder_path=folders["clip"],
            encoder_device="cpu",
            encoder_backend=backend,
            encoder_dtype=dtype,
        )
        encoder = load_encoder(settings)
        assert isinstance(encoder, ClipEncoder) and isinstance(encoder._towers.images, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["clip", "chinese-clip"])
def test_what_other_tokens_become_in_the_last_layer_is_left_out(
    name: str, dtype: torch.dtype, folders: dict[str, Path]
) -> None:
    model: Any = Checkpoint.open(folders[name]).model(torch.device("cpu"), dtype)
    pixels = torch.randn(3, 3, 32, 32).to(dtype)
    with torch.inference_mode():
        expected = model.get_image_features(pixels).pooler_output
        see_first_token(model.vision_model)
        found = model.get_image_features(pixels).pooler_output
    assert isinstance(model.vision_model.encoder.layers[-1], FirstToken)
    assert (found - expected).abs().max() <= 8 * torch.finfo(dtype).eps * expected.abs().max()


def test_a_last_layer_of_another_kind_stays(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = Checkpoint.open(folders["clip"]).model(torch.device("cpu"), torch.float32)
    last = model.vision_model.encoder.layers[-1]
    for other in (lambda hidden, **options: (hidden,), lambda hidden, **options: 2 * hidden):
        monkeypatch.setattr(last, "forward", other)
        see_first_token(model.vision_model)
        assert model.vision_model.encoder.layers[-1] is last
