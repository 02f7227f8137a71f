"""Preprocessing, bit for bit."""

import numpy as np
import pytest
import torch

from service.encoders.visualized_bge.config import PUBLISHED
from service.encoders.visualized_bge.preprocessing import normalize, to_bytes
from tests.parity.visualized_bge.golden_data import BASE, M3, Golden, name_of

KINDS = ("pixels.", "pixels_u8.")
STORED = [(golden, key) for golden in (BASE, M3) for key in sorted(golden.expected) if key.startswith(KINDS)]


@pytest.mark.parametrize(("golden", "key"), STORED, ids=[f"{name_of(golden)}-{key}" for golden, key in STORED])
def test_pixels_are_equal(golden: Golden, key: str) -> None:
    kind, name = key.split(".")
    raw = to_bytes([golden.image(f"{name}.png")], "crop")
    if kind == "pixels_u8":
        assert np.array_equal(raw[0], golden.expected[key].numpy())
        return
    vision = PUBLISHED[golden.encoder].vision
    pixels = normalize(torch.from_numpy(raw), vision.image_mean, vision.image_std)
    assert torch.equal(pixels[0], golden.expected[key])
