"""The graphs that ship: they belong to the modules, and give the vectors that torch gives."""

import numpy as np
import pytest
from PIL import Image

from service.encoders.compiled.graph import CompiledPass
from service.encoders.compiled.spread import Spread
from starter.artwork import motif
from starter.fused import FusedEmbedder, Role


@pytest.fixture(scope="module")
def plain() -> FusedEmbedder:
    """The shipped encoder on torch."""
    return FusedEmbedder.load(backend="torch")


def test_the_graphs_of_all_passes_are_used(fused: FusedEmbedder) -> None:
    passes = fused.trained.passes
    used = (passes.cells, passes.tokens, passes.pool, fused._words._pool)
    assert all(isinstance(one, Spread) and isinstance(one.whole, CompiledPass) for one in used)


@pytest.mark.parametrize("role", ["query", "document"])
def test_vectors_are_those_of_torch(fused: FusedEmbedder, plain: FusedEmbedder, role: Role) -> None:
    image = motif("noto", "1f406").convert("RGB")
    texts = ["a mug with this", None, "a red hoodie, size M", "mug " * 80, "a lamp", None, None]
    images = [image, image, None, image, None, Image.new("L", (3, 90), 90), image.rotate(90)]
    found, expected = (which.encode(texts, images, [role] * len(texts)) for which in (fused, plain))
    assert np.allclose(found[0], expected[0], atol=1e-4)
    assert (found[1] == expected[1]).all()
    assert fused.fingerprint == plain.fingerprint
