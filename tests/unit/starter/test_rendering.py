"""Product images: deterministic, and each kind, color and motif shows."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from starter.artwork import motif
from starter.rendering import COLOURS, KINDS, Print, render_motif, render_product
from starter.rendering.product import Pattern

LEOPARD = "1f406"
PLAIN = Print("single", 0.9, 0.0)


def _pixels(image: Image.Image) -> NDArray[np.int16]:
    return np.asarray(image, np.int16)


def test_the_shop_is_wide_enough() -> None:
    assert len(KINDS) >= 14
    assert len(COLOURS) == 10


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_image(kind: str) -> None:
    first, second = (render_product(kind, "red", motif("fluent", LEOPARD), random.Random(4)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert (first.mode, first.size) == ("RGB", (224, 224))


@pytest.mark.parametrize("kind", KINDS)
def test_color_and_motif_change_the_image(kind: str) -> None:
    def draw(colour: str, code: str) -> NDArray[np.int16]:
        return _pixels(render_product(kind, colour, motif("fluent", code), random.Random(4), how=PLAIN))

    red = draw("red", LEOPARD)
    assert np.abs(red - draw("blue", LEOPARD)).max() > 100
    assert np.abs(red - draw("red", "1f339")).max() > 60


def test_kinds_look_different() -> None:
    drawn = [
        _pixels(render_product(kind, "green", motif("fluent", LEOPARD), random.Random(4), how=PLAIN)) for kind in KINDS
    ]
    for a in range(len(drawn)):
        for b in range(a):
            assert np.abs(drawn[a] - drawn[b]).mean() > 1


def test_repeated_prints_show_more_of_the_motif() -> None:
    def share_of_print(pattern: Pattern) -> int:
        how = Print(pattern, 0.45, 0.0)
        with_motif = render_product("poster", "blue", motif("fluent", LEOPARD), random.Random(1), how=how)
        without = render_product("poster", "blue", Image.new("RGBA", (64, 64)), random.Random(1), how=how)
        return int((np.abs(_pixels(with_motif) - _pixels(without)).max(-1) > 20).sum())

    assert share_of_print("grid") > 3 * share_of_print("single")


def test_any_resolution() -> None:
    assert render_product("mug", "pink", motif("noto", LEOPARD), random.Random(0), pixels=448).size == (448, 448)
    assert render_motif(motif("noto", LEOPARD), random.Random(0), pixels=100).size == (100, 100)
