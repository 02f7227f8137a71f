"""The dtype `fast`: bfloat16 where that is fast and true, else what float32 gives."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from rerank.query import Query
from service.build import load_encoder
from service.encoders import fast_dtype
from service.encoders.device import DtypeName
from service.encoders.encoder import Embeddings, Encoder
from service.encoders.fast_dtype import computes_in_bfloat16, load_fast
from service.encoders.options import EncoderOptions
from service.settings import Settings
from tests.fakes import FakeEncoder
from tests.parity.magiclens.golden_data import WEIGHTS
from tests.parity.visualized_bge.golden_data import BASE
from tests.unit.service.encoders.sentence_checkpoints import make_embedding_gemma
from tests.unit.service.encoders.tiny_clip import make_clip


class Rounded(FakeEncoder):
    """With every vector turned by an angle of this cosine."""

    def __init__(self, cosine: float) -> None:
        super().__init__()
        self.cosine = cosine

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        found = super().encode(queries)
        aside = np.roll(found.vectors, 1, axis=1)
        aside -= (aside * found.vectors).sum(axis=1, keepdims=True) * found.vectors
        aside /= np.linalg.norm(aside, axis=1, keepdims=True)
        turned = self.cosine * found.vectors + np.sqrt(1 - self.cosine**2) * aside
        return Embeddings(turned.astype(np.float32), found.truncated)


class Loads:
    """A loader that says what it was asked for."""

    def __init__(self, cosine: float = 1.0) -> None:
        self.cosine = cosine
        self.asked: list[tuple[str, str]] = []

    def __call__(self, options: EncoderOptions, dtype: DtypeName) -> Encoder:
        self.asked.append((dtype, options.backend))
        return Rounded(self.cosine) if dtype == "bfloat16" else FakeEncoder()


def options(**values: Any) -> EncoderOptions:
    chosen = {"encoder_device": "cpu", "encoder_dtype": "fast"} | values
    return Settings(_env_file=None, **chosen).encoder.options()


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor with the instructions."""
    monkeypatch.setattr(fast_dtype, "computes_in_bfloat16", lambda: True)


def test_embeddings_that_stay_the_same_are_computed_in_bfloat16(able: None, caplog: pytest.LogCaptureFixture) -> None:
    load = Loads(0.9985)
    with caplog.at_level(logging.INFO, fast_dtype.__name__):
        assert isinstance(load_fast(load, options()), Rounded)
    assert load.asked == [("float32", "torch"), ("bfloat16", "auto")]
    assert "bfloat16: the cosine of its embeddings to those in float32 is 0.9985" in caplog.text


@pytest.mark.parametrize("cosine", [0.9975, -1.0, float("nan")])
def test_others_are_computed_in_float32(able: None, caplog: pytest.LogCaptureFixture, cosine: float) -> None:
    load = Loads(cosine)
    with caplog.at_level(logging.WARNING, fast_dtype.__name__):
        assert not isinstance(load_fast(load, options()), Rounded)
    assert load.asked[-1] == ("float32", "auto")
    assert "computes in float32" in caplog.text


def test_a_processor_without_the_instructions_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Loads()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    load_fast(load, options(encoder_backend="torch"))
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # an older torch
    load_fast(load, options())
    assert load.asked == [("float32", "torch"), ("float32", "auto")]
    for name in ("avx512_bf16", "amx_bf16"):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda name=name: {name: True}, raising=False)
        assert computes_in_bfloat16()


def test_other_devices_take_their_usual_dtype(able: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_dtype, "resolve_device", torch.device)
    load = Loads()
    load_fast(load, options(encoder_device="cuda"))
    assert load.asked == [("auto", "auto")]


FAMILIES: dict[str, Callable[[Path], Path]] = {
    "visualized-bge-base-en": lambda folder: BASE.weights,
    "clip": make_clip,
    "magiclens": lambda folder: WEIGHTS,
    "embeddinggemma-2": make_embedding_gemma,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_can_be_fast(able: None, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_dtype, "LEAST_COSINE", 0.9)  # weights by chance in few dimensions are rougher than trained
    chosen = {"encoder": name, "encoder_path": FAMILIES[name](tmp_path), "encoder_device": "cpu"}
    fast, rounded, exact = (
        load_encoder(Settings(_env_file=None, encoder_dtype=dtype, encoder_backend="torch", **chosen))  # type: ignore[arg-type]
        for dtype in ("fast", "bfloat16", "float32")
    )
    query = [Query("a red mug with this", Image.new("RGB", (60, 40), "red"))]
    vectors = [encoder.encode(query).vectors for encoder in (fast, rounded, exact)]
    assert (vectors[0] == vectors[1]).all() and (vectors[0] != vectors[2]).any()
    assert fast.info == exact.info
