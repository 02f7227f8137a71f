"""Kinds of images that take more memory to decode count more, and have a lower limit."""

import io
from typing import Any

import pytest
from PIL import Image

from service.errors import ImageTooLarge
from service.images.decode import ImageLimits, decode_image
from service.images.decoding_cost import decoding_cost
from tests.unit.service.images.sample_images import encoded

PROGRESSIVE = {"progressive": True}


@pytest.mark.parametrize(
    ("kind", "mode", "options", "cost"),
    [
        ("PNG", "RGB", {}, 400),
        ("WEBP", "RGB", {}, 1164),
        ("WEBP", "RGBA", {"lossless": True}, 1164),
        ("JPEG", "RGB", {}, 400),
        ("JPEG", "L", PROGRESSIVE, 553),
        ("JPEG", "RGB", {**PROGRESSIVE, "subsampling": 0}, 858),
        ("JPEG", "RGB", PROGRESSIVE, 629),
        ("JPEG", "CMYK", PROGRESSIVE, 1011),
    ],
)
def test_an_image_counts_by_what_its_decoder_holds(kind: str, mode: str, options: dict[str, Any], cost: int) -> None:
    with Image.open(io.BytesIO(encoded(Image.new(mode, (20, 20)), kind, **options))) as opened:
        assert decoding_cost(opened, 400) == cost


def test_a_jpeg_read_at_a_smaller_scale_counts_by_it_unless_it_is_progressive() -> None:
    for options, cost in (({}, 100), (PROGRESSIVE, 1016)):
        with Image.open(io.BytesIO(encoded(Image.new("RGB", (40, 40)), "JPEG", **options))) as opened:
            opened.draft(None, (10, 10))
            assert decoding_cost(opened, 1600) == cost


def test_an_image_that_would_take_more_than_all_may_is_refused_with_the_limit_of_its_kind() -> None:
    side = 400
    limits = ImageLimits(max_pixels=side**2, decode_pixels=200_000)
    assert decode_image(encoded(Image.new("RGB", (side, side))), limits)
    with pytest.raises(ImageTooLarge) as refused:
        decode_image(encoded(Image.new("RGB", (side, side)), "WEBP"), limits)
    assert "at most 0.0687 million pixels" in refused.value.detail and "PNG" in refused.value.detail
    assert decode_image(encoded(Image.new("RGB", (262, 262)), "WEBP"), limits)


def test_a_small_budget_refuses_nothing_that_takes_no_more_than_the_largest_png() -> None:
    limits = ImageLimits(max_pixels=160_000, decode_pixels=1000)
    assert decode_image(encoded(Image.new("RGB", (400, 400))), limits)
    assert decode_image(encoded(Image.new("RGB", (230, 230)), "WEBP"), limits)


def test_the_defaults_take_what_is_usual() -> None:
    limits = ImageLimits()
    most = max(limits.decode_pixels, limits.max_pixels)
    assert most * 5.5 < 230e6, "bytes"
    assert most >= 4000 * 3000 * 16.0 / 5.5, "a WebP of a telephone's camera"
    assert limits.max_pixels * (5.5 / 16 + 1.5 * 2.1) / 5.5 <= most, "a progressive JPEG as large as any"
