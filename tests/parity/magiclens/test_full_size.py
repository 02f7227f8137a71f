"""The two published sizes with random weights: written as published, converted, loaded and run."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from benchmarks.random_magiclens import write_random
from rerank.query import Query
from service.encoders.magiclens.conversion import convert
from service.encoders.magiclens.magiclens_encoder import MagicLensEncoder


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("name", "tensors", "parameters", "width"), [("base", 474, 166_433_025, 512), ("large", 666, 465_417_665, 768)]
)
def test_a_full_size_is_loaded_and_run(name: str, tensors: int, parameters: int, width: int, tmp_path: Path) -> None:
    published = write_random(name, tmp_path / "published")
    folder = convert(published, tmp_path / "converted")
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        assert len(list(file.keys())) == tensors
    image = Image.effect_noise((640, 480), 90).convert("RGB")
    queries = [Query(image=image), Query("find a chair but in red", image)]
    found = []
    for path in (published, folder):
        encoder = MagicLensEncoder.load(path, device="cpu")
        assert sum(parameter.numel() for parameter in encoder._model.parameters()) == parameters
        assert encoder.info.dimension == width
        found.append((encoder.encode(queries).vectors, encoder.info))
        del encoder
    assert np.array_equal(found[0][0], found[1][0]) and found[0][1] == found[1][1]
    assert np.allclose(np.linalg.norm(found[0][0], axis=1), 1, atol=1e-5)
