"""The shipped encoder's vectors: words, images and both, as queries and as documents."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file

from starter.artwork import motif
from starter.embedder import StarterEmbedder, weight_file
from starter.fused import FusedEmbedder, Role
from starter.heads import FILE
from starter.minilm import load_minilm
from starter.rendering import render_motif, render_product
from starter.words import WordEncoder, published

LEOPARD, ROSE = "1f406", "1f339"


def product(kind: str, color: str, code: str = LEOPARD) -> Image.Image:
    return render_product(kind, color, motif("fluent", code), random.Random(4))


def drawing(code: str = LEOPARD, style: str = "noto") -> Image.Image:
    return render_motif(motif(style, code), random.Random(3), pixels=320)


def documents(fused: FusedEmbedder, *items: tuple[str | None, Image.Image | None]) -> NDArray[np.float32]:
    texts, images = zip(*items, strict=True)
    return fused.encode(texts, images, ["document"] * len(items))[0]


def query(fused: FusedEmbedder, text: str | None, image: Image.Image | None = None) -> NDArray[np.float32]:
    vectors, _ = fused.encode([text], [image], ["query"])
    return vectors.reshape(-1)


def test_a_mixed_batch_gives_what_single_calls_give(fused: FusedEmbedder) -> None:
    texts = ["a long sentence about a red mug", None, "mug", "a mug with this", "Leopard mug", None]
    images = [None, drawing(), None, drawing(style="fluent"), product("mug", "red"), product("mug", "red")]
    roles: list[Role] = ["query", "query", "document", "query", "document", "document"]
    together, truncated = fused.encode(texts, images, roles)
    alone = np.concatenate([fused.encode([t], [i], [r])[0] for t, i, r in zip(texts, images, roles, strict=True)])
    assert together.shape == (6, fused.dimension) and together.dtype == np.float32
    assert np.allclose(together, alone, atol=1e-5)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert not truncated.any()


def test_what_does_not_fit_is_cut_and_said_to_be(fused: FusedEmbedder) -> None:
    vectors, truncated = fused.encode(["leopard " * 10_000, "leopard"], [None, None], ["document", "query"])
    assert truncated.tolist() == [True, False]
    assert np.isfinite(vectors).all()


def test_nothing_is_refused(fused: FusedEmbedder) -> None:
    with pytest.raises(ValueError, match="text, an image or both"):
        fused.encode([None], [None], ["query"])


def test_words_find_the_product_that_has_them(fused: FusedEmbedder) -> None:
    shop = [("Leopard mug, red", product("mug", "red")), ("Rose cap, blue", product("cap", "blue", ROSE))]
    vectors = documents(fused, *shop)
    assert np.argmax(vectors @ query(fused, "a cup with a wild cat")) == 0
    assert np.argmax(vectors @ query(fused, "a hat with a flower")) == 1


def test_words_find_an_image_that_has_none(fused: FusedEmbedder) -> None:
    vectors = documents(fused, (None, product("clock", "red")), (None, product("t-shirt", "blue")))
    assert np.argmax(vectors @ query(fused, "a red clock")) == 0
    assert np.argmax(vectors @ query(fused, "a blue t-shirt")) == 1


def test_a_product_without_an_image_is_found_and_gains_nothing_by_it(fused: FusedEmbedder) -> None:
    """Two products with the same words: the one with a fitting image, too, is not behind the one without any."""
    both = ("Leopard mug, red", product("mug", "red"))
    vectors = documents(fused, (both[0], None), both, ("Rose cap, blue", None))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    scores = vectors @ query(fused, "a red mug with a leopard")
    assert scores[0] > scores[2]
    assert scores[0] - scores[1] < 0.1
    composed = vectors @ query(fused, "a mug with this", drawing())
    assert composed[1] > composed[0] > composed[2]


def test_the_image_and_the_words_of_a_query_both_count(fused: FusedEmbedder) -> None:
    wares = [(kind, code) for code in (LEOPARD, ROSE) for kind in ("phone case", "mug", "cap")]
    vectors = documents(fused, *[(None, product(kind, "white", code)) for kind, code in wares])
    best = [
        wares[int(np.argmax(vectors @ query(fused, text, drawing(code))))]
        for text, code in (("a phone case with this", LEOPARD), ("a mug with this", ROSE))
    ]
    assert best == [("phone case", LEOPARD), ("mug", ROSE)]


def test_the_words_are_read_by_minilm_as_published(embedder: StarterEmbedder) -> None:
    texts = ["a mug with a leopard", "rose"]
    ids, mask, _ = embedder.tokenize(texts)
    with torch.inference_mode():
        hidden = load_minilm()(input_ids=ids, attention_mask=mask).last_hidden_state
    means = torch.stack([row[kept.bool()].mean(0) for row, kept in zip(hidden, mask, strict=True)])
    expected = torch.nn.functional.normalize(means, dim=1)
    assert torch.allclose(WordEncoder(embedder, published(embedder.backend)).encode(texts), expected, atol=1e-5)


def test_the_fingerprint_follows_the_heads(fused: FusedEmbedder, tmp_path: Path) -> None:
    state = load_file(weight_file(FILE, None))
    state["classes"] = -state["classes"]
    save_file(state, tmp_path / FILE)
    other = FusedEmbedder.load(heads=tmp_path / FILE)
    assert other.fingerprint != fused.fingerprint == FusedEmbedder.load().fingerprint


def test_missing_and_foreign_heads_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="train-starter"):
        FusedEmbedder.load(heads=tmp_path / "none.safetensors")
    save_file({"layer": torch.zeros(2)}, tmp_path / FILE)
    with pytest.raises(RuntimeError, match="heads of a starter encoder"):
        FusedEmbedder.load(heads=tmp_path / FILE)
