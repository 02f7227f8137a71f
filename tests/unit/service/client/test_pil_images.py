"""PIL images of every kind become files that the service reads as they were meant."""

import io
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from service.client import pil_images
from service.client.images import encoded
from service.images.decode import ImageLimits, decode_image
from tests.unit.service.images.icc import rgb_profile
from tests.unit.service.images.sample_images import RED, two_tone
from tests.unit.service.images.sample_images import encoded as file_of

LIMITS = ImageLimits(working_side=4096)


def seen(image: Image.Image) -> Image.Image:
    """What the service sees of an image that the client sends."""
    return decode_image(encoded(image), LIMITS).image


def color(image: Image.Image) -> tuple[int, ...]:
    found = seen(image).getpixel((2, 2))
    assert isinstance(found, tuple)
    return found


@pytest.mark.parametrize(
    "mode",
    ["RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "L", "LA", "La", "1", "I", "F", "I;16"],
)
def test_every_mode_of_pillow_arrives_in_its_colors(mode: str) -> None:
    image, expected = Image.new("RGB", (32, 32), RED), RED
    if mode in ("L", "LA", "La", "1", "I", "F", "I;16"):
        image, expected = Image.new("L", (32, 32), 255), (255, 255, 255)
    through = {"La": "LA"}.get(mode, "RGBA" if mode == "RGBa" else image.mode)
    if mode == "LAB":
        image = _lab(image)
    elif mode in ("P", "PA"):
        image = image.quantize(4).convert(mode)
    elif mode == "I;16":
        image = Image.new(mode, (32, 32), 65535)
    else:
        image = image.convert(through).convert(mode)
    assert image.mode == mode
    assert all(abs(a - b) < 6 for a, b in zip(color(image), expected, strict=True))


def _lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms  # noqa: PLC0415

    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    found = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    assert found is not None
    return found


def test_sixteen_bits_of_gray_in_32() -> None:
    assert color(Image.new("I", (8, 8), 200)) == (200, 200, 200)
    assert color(Image.new("I", (8, 8), 0x8000)) == (128, 128, 128)


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_file_that_was_only_opened_is_sent_as_it_is(tmp_path: Path, format: str) -> None:
    data = file_of(two_tone(), format)
    (tmp_path / "a").write_bytes(data)
    with Image.open(tmp_path / "a") as image:
        assert encoded(image) == data == encoded(image)
        image.load()
        assert image.size == (60, 30)


def test_what_was_changed_after_opening_is_what_is_sent() -> None:
    for format in ("JPEG", "PNG"):
        with Image.open(io.BytesIO(file_of(two_tone(), format))) as image:
            image.paste((0, 200, 0), (0, 0, 60, 30))
            assert all(abs(a - b) < 6 for a, b in zip(color(image), (0, 200, 0), strict=True))


def test_a_photograph_is_sent_as_a_jpeg_of_about_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = Image.effect_noise((600, 400), 60).convert("RGB")
    data = file_of(photo, "JPEG", quality=80)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert len(encoded(image)) < 1.2 * len(data)
    monkeypatch.setattr(pil_images, "MAX_PNG_BYTES", 100_000)
    assert encoded(photo).startswith(b"\xff\xd8\xff")
    assert encoded(photo.convert("RGBA")).startswith(b"\x89PNG")


@pytest.mark.parametrize("change", ["none", "resized", "as PNG"])
def test_the_turn_of_a_photograph_is_kept(change: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    with Image.open(io.BytesIO(file_of(two_tone(), "JPEG", exif=exif))) as image:
        changed = {"none": image, "resized": image.resize((120, 60)), "as PNG": image.convert("RGBA")}[change]
        shown = seen(changed)
    assert shown.width < shown.height
    top = shown.getpixel((shown.width // 2, 3))
    assert isinstance(top, tuple) and top[0] > 180


def test_the_color_profile_goes_along() -> None:
    for format in ("PNG", "JPEG"):
        data = file_of(Image.new("RGB", (16, 16), (171, 35, 35)), format, icc_profile=rgb_profile(), quality=100)
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            assert all(abs(a - b) < 6 for a, b in zip(color(image), (200, 30, 30), strict=True))
