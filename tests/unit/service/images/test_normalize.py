"""Orientation and transparency: models see what people see."""

import io

import pytest
from PIL import ExifTags, Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from service.images.decode import ImageLimits, decode_image
from service.images.normalize import flatten
from tests.unit.service.images.sample_images import BLUE, RED, encoded, two_tone

LIMITS = ImageLimits()
WHITE = (255, 255, 255)


def decoded(image: Image.Image, format: str = "PNG", **options: object) -> Image.Image:
    return decode_image(encoded(image, format, **options), LIMITS).image


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(orientation: int, format: str) -> None:
    image = two_tone()
    image.paste((0, 200, 0), (0, 0, 30, 15))  # no symmetry left
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    shown = encoded(image, format, exif=exif)
    with Image.open(io.BytesIO(shown)) as raw:
        expected = ImageOps.exif_transpose(raw).convert("RGB")
    result = decode_image(shown, LIMITS).image
    assert result.size == ((60, 30) if orientation < 5 else (30, 60)) == expected.size
    assert result.tobytes() == expected.tobytes()


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_senseless_orientations_change_nothing(orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    assert decoded(two_tone(), exif=exif).tobytes() == two_tone().tobytes()


def test_an_orientation_that_only_xmp_or_a_text_states_is_none_as_for_browsers() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    for format in ("JPEG", "WEBP"):
        assert decoded(two_tone(), format, xmp=xmp).size == (60, 30)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    texts = PngInfo()
    texts.add_text("Raw profile type exif", f"\nexif\n{len(exif.tobytes())}\n{exif.tobytes().hex()}\n")
    texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
    assert decoded(two_tone(), pnginfo=texts).size == (60, 30)


def test_broken_exif_counts_as_none() -> None:
    assert decoded(two_tone(), exif=b"Exif\0\0garbage!").size == (60, 30)


@pytest.mark.parametrize(("mode", "clear"), [("RGBA", (0, 0, 0, 0)), ("LA", (0, 0))], ids=["RGBA", "LA"])
def test_alpha_becomes_white(mode: str, clear: tuple[int, ...]) -> None:
    assert decoded(Image.new(mode, (8, 8), clear)).getpixel((4, 4)) == WHITE


def test_half_transparent_is_mixed_with_white() -> None:
    assert decoded(Image.new("RGBA", (8, 8), (0, 0, 0, 128))).getpixel((4, 4)) == (127, 127, 127)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
def test_trns_becomes_white(mode: str) -> None:
    """The transparent color must not show: a tRNS chunk can hide a whole other image (GHSA-8jr5-v98p-w75m)."""
    image = Image.new("RGB", (8, 8), BLUE).convert(mode)
    pixel = image.getpixel((0, 0))
    assert decoded(image, transparency=pixel).getpixel((4, 4)) == WHITE


def test_palette_with_an_alpha_for_each_entry() -> None:
    image = Image.new("P", (8, 8))
    image.putpalette([*RED, *BLUE])
    image.putpixel((1, 1), 1)
    result = decoded(image, transparency=bytes([255, 0]))
    assert result.getpixel((0, 0)) == RED and result.getpixel((1, 1)) == WHITE


def test_transparent_webp() -> None:
    image = Image.new("RGBA", (8, 8), (*RED, 255))
    image.paste((0, 0, 0, 0), (0, 0, 4, 8))
    result = decoded(image, "WEBP", lossless=True)
    assert result.getpixel((1, 1)) == WHITE and result.getpixel((6, 6)) == RED


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    image = Image.new("I;16", (8, 8), 0x8000)
    assert decoded(image).getpixel((4, 4)) == (128, 128, 128)


def test_cmyk_jpeg() -> None:
    pixel = decoded(Image.new("RGB", (16, 16), RED).convert("CMYK"), "JPEG").getpixel((4, 4))
    assert isinstance(pixel, tuple) and pixel[0] > 180 and pixel[2] < 100


def test_large_transparent_images_are_flattened_before_reduction() -> None:
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    result = decode_image(encoded(image), ImageLimits(working_side=64)).image
    assert result.size == (64, 64) and result.getpixel((30, 30)) == WHITE


def test_the_result_is_a_copy() -> None:
    image = two_tone()
    assert flatten(image) is not image
