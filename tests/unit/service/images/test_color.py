"""Embedded color profiles: models see what browsers show."""

from typing import Any

import pytest
from PIL import Image

from service.images.color import MAX_PROFILE_BYTES
from service.images.decode import ImageLimits, decode_image
from tests.unit.service.images.icc import cmyk_profile, gray_profile, rgb_profile
from tests.unit.service.images.sample_images import encoded

Color = tuple[int, ...]
LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 100, "subsampling": 0},
    "WEBP": {"lossless": True},
}
IN_WIDE_GAMUT, IN_SRGB = (171, 35, 35), (200, 30, 30)
"""One color, in Adobe RGB and in sRGB."""


def seen(image: Image.Image, format: str = "PNG", profile: bytes | None = None, side: int = 1024) -> Color:
    """The color in the middle of a decoded image."""
    options: dict[str, Any] = {"icc_profile": profile} if profile else {}
    options |= LOSSLESS[format]
    found = decode_image(encoded(image, format, **options), ImageLimits(working_side=side)).image
    assert (found.mode, found.info) == ("RGB", {})
    color = found.getpixel((found.width // 2, found.height // 2))
    assert isinstance(color, tuple)
    return color


def near(one: Color, other: Color, most: int = 4) -> bool:
    return all(abs(a - b) <= most for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("side", [1024, 8])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_wide_gamut_becomes_srgb(format: str, side: int) -> None:
    image = Image.new("RGB", (16, 16), IN_WIDE_GAMUT)
    assert near(seen(image, format, rgb_profile(), side), IN_SRGB)
    assert near(seen(image, format, None, side), IN_WIDE_GAMUT)


def test_so_does_a_palette_and_what_is_transparent_is_white() -> None:
    assert near(seen(Image.new("RGB", (16, 16), IN_WIDE_GAMUT).convert("P"), profile=rgb_profile()), IN_SRGB, 30)
    image = Image.new("RGBA", (16, 16), (*IN_WIDE_GAMUT, 255))
    assert near(seen(image, profile=rgb_profile()), IN_SRGB)
    assert seen(Image.new("RGBA", (16, 16), (*IN_WIDE_GAMUT, 0)), profile=rgb_profile()) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_gray_with_a_profile(mode: str) -> None:
    image = Image.new("L", (16, 16), 128).convert(mode)
    plain, dark = seen(image), seen(image, profile=gray_profile(4.0))
    assert plain == (128, 128, 128) and max(dark) < 90 and max(dark) - min(dark) <= 2


def test_cmyk_by_its_profile_and_without() -> None:
    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    red_in_lab = (round(53 * 2.55), 128 + 80, 128 + 67)
    assert near(seen(image, "JPEG", cmyk_profile(red_in_lab)), (255, 0, 0), 12)
    assert near(seen(image, "JPEG"), (0, 255, 255), 2)


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(rgb_profile("sRGB IEC61966-2.1"), id="sRGB needs no conversion"),
        pytest.param(gray_profile(4.0), id="of another color space"),
        pytest.param(cmyk_profile((0, 0, 0)), id="of a printer"),
        pytest.param(rgb_profile()[:200], id="cut off"),
        pytest.param(b"no profile at all", id="garbage"),
        pytest.param(rgb_profile() + bytes(MAX_PROFILE_BYTES), id="too large"),
    ],
)
def test_a_profile_that_cannot_be_used_changes_nothing(profile: bytes) -> None:
    assert near(seen(Image.new("RGB", (16, 16), IN_WIDE_GAMUT), "WEBP", profile), IN_WIDE_GAMUT, 0)
