"""A region of an image: the same pixels whatever the format, the orientation in the file, and the resolution."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from service.errors import CropTooSmall
from service.images.crop import WHOLE, Crop
from service.images.decode import ImageLimits, cropped, decode_image
from service.images.normalize import upright
from tests.fakes import png

LIMITS = ImageLimits()
SHARES = st.floats(0, 1)


def striped(size: tuple[int, int]) -> Image.Image:
    """Every pixel tells where it is."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    return Image.fromarray(np.stack([x % 256, y % 256, (x // 256) * 16 + y // 256], axis=-1).astype(np.uint8))


def saved(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def as_in_a_file(shown: Image.Image, orientation: int) -> bytes:
    """A PNG that is seen as `shown`, although its pixels are turned."""
    back = {6: 8, 8: 6}.get(orientation, orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(upright(shown, back), exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_region_is_that_of_the_image_as_it_is_seen(orientation: int) -> None:
    shown, crop = striped((40, 24)), Crop(0.25, 0.125, 0.5, 0.25)
    decoded = decode_image(as_in_a_file(shown, orientation), LIMITS, crop)
    assert decoded.image.tobytes() == shown.crop((10, 3, 30, 9)).tobytes()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_region_has_the_resolution_of_the_file(format: str) -> None:
    ramp = np.linspace(0, 255, 2048).astype(np.uint8)
    photo = Image.fromarray(np.stack([np.tile(ramp, (1024, 1))] * 3, axis=-1))
    small = ImageLimits(working_side=256)
    part = decode_image(saved(photo, format), small, Crop(0.5, 0.5, 0.125, 0.25)).image
    assert part.size == (256, 256)  # and 32 by 64, if it were cut out of the image at working size
    assert np.abs(np.asarray(part, int) - np.asarray(photo.crop((1024, 512, 1280, 768)), int)).max() < 12
    half = decode_image(saved(photo, format), small, Crop(0.5, 0.0, 0.5, 1.0)).image
    expected = photo.crop((1024, 0, 2048, 1024)).resize((256, 256), Image.Resampling.BOX)
    assert np.abs(np.asarray(half, int) - np.asarray(expected, int)).max() < 12


def test_a_region_is_another_image_than_the_whole_and_than_other_regions() -> None:
    data = png(size=(40, 40))
    regions = [WHOLE, Crop(0, 0, 0.5, 0.5), Crop(0, 0, 0.5, 0.25), Crop(0.5, 0, 0.5, 0.5), Crop(0, 0.5, 0.5, 0.5)]
    hashes = [decode_image(data, LIMITS, region).content_hash for region in regions]
    assert len(set(hashes)) == len(regions) and hashes[0] == decode_image(data, LIMITS).content_hash
    assert all(len(hash) == 64 for hash in hashes)
    whole = decode_image(data, LIMITS)
    assert [cropped(whole, region, LIMITS).content_hash for region in regions] == hashes


def test_a_region_with_too_few_pixels_is_refused() -> None:
    data, sliver = png(size=(40, 40)), Crop(0.5, 0, 0.05, 1)
    words = "at least 3 pixels on each side, and has 2 on one"
    with pytest.raises(CropTooSmall, match=words):
        decode_image(data, LIMITS, sliver)
    with pytest.raises(CropTooSmall, match=words):
        cropped(decode_image(data, LIMITS), sliver, LIMITS)
    assert CropTooSmall.status == 400
    photo = saved(Image.new("RGB", (2000, 2000)), "JPEG")  # the file's pixels count, not those that are left of it
    assert decode_image(photo, ImageLimits(working_side=64), Crop(0, 0, 1, 0.002)).image.size == (64, 3)


CROPS = st.tuples(SHARES, SHARES, SHARES, SHARES).map(
    lambda four: Crop(four[0], four[1], four[2] * (1 - four[0]), four[3] * (1 - four[1]))
)


@given(crop=CROPS, across=st.integers(1, 3000), down=st.integers(1, 3000))
@settings(max_examples=200, deadline=None)
def test_a_region_holds_the_pixels_that_it_touches(crop: Crop, across: int, down: int) -> None:
    left, top, right, bottom = crop.box((across, down))
    assert 0 <= left < right <= across and 0 <= top < bottom <= down
    assert abs(left - crop.x * across) <= 1 and abs(right - (crop.x + crop.width) * across) <= 1
    for orientation in range(1, 9):
        stored = crop.as_stored(orientation)
        sides = sorted([stored.width, stored.height])
        assert sides == sorted([crop.width, crop.height]) and min(stored.x, stored.y) >= -1e-9
