"""Images → pixels: what the golden data does not hold."""

import numpy as np
import pytest
import torch
from PIL import Image

from service.encoders.options import Fit
from service.encoders.visualized_bge import preprocessing
from service.encoders.visualized_bge.preprocessing import crop_pixels, normalize, pad_pixels, to_bytes

MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I", "I;16", "F"]


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    grid = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(grid).convert(mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_every_mode_becomes_a_square_of_rgb(mode: str, fit: Fit) -> None:
    assert to_bytes([Image.new(mode, (300, 250))], fit).shape == (1, 3, 224, 224)


@pytest.mark.parametrize("size", [(1, 1), (1, 40_000), (40_000, 1), (3, 5), (224, 224), (225, 224)])
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_every_shape_fits(size: tuple[int, int], fit: Fit) -> None:
    assert to_bytes([Image.new("RGB", size, "teal")], fit).shape == (1, 3, 224, 224)


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    half = Image.fromarray(np.full((300, 300), 32768, np.uint16))
    assert half.mode == "I;16" and set(np.asarray(crop_pixels(half)).ravel()) == {128}


@pytest.mark.parametrize("size", [(4000, 100), (90, 5000)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_the_short_cut_for_long_strips_takes_the_same_part(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], mode: str
) -> None:
    strip = noise(*size, mode)
    short = np.asarray(crop_pixels(strip), np.int16)
    monkeypatch.setattr(preprocessing, "_LONGEST_STRIP", 10_000)
    assert np.abs(short - np.asarray(crop_pixels(strip), np.int16)).mean() < 0.5


def test_crop_takes_the_middle_and_pad_takes_all() -> None:
    wide = Image.new("RGB", (672, 224), "red")
    wide.paste("blue", (224, 0, 448, 224))
    assert crop_pixels(wide).getcolors() == [(224 * 224, (0, 0, 255))]
    padded = pad_pixels(wide)
    assert padded.getpixel((112, 10)) == (255, 255, 255) and padded.getpixel((112, 213)) == (255, 255, 255)
    assert [padded.getpixel((x, 112)) for x in (10, 112, 213)] == [(255, 0, 0), (0, 0, 255), (255, 0, 0)]


def test_pad_shows_clear_areas_as_white_and_crop_as_published_in_black() -> None:
    clear = Image.new("RGBA", (300, 300), (200, 10, 10, 0))
    assert pad_pixels(clear).getcolors() == [(224 * 224, (255, 255, 255))]
    assert crop_pixels(clear).getcolors() == [(224 * 224, (0, 0, 0))]


def test_an_image_that_already_fits_keeps_the_colors_under_its_clear_areas() -> None:
    assert crop_pixels(Image.new("RGBA", (224, 300), (200, 10, 10, 0))).getpixel((0, 0)) == (200, 10, 10)


def test_the_image_itself_is_not_changed() -> None:
    image = noise(224, 224)
    before = image.tobytes()
    crop_pixels(image).paste("red", (0, 0, 224, 224))
    assert image.tobytes() == before


def test_normalize() -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    out = normalize(pixels, (0.5, 0.25, 0.0), (0.5, 0.25, 2.0))
    assert out[0, :, 0, :].tolist() == [[-1, 1], [-1, 3], [0, 0.5]]
    assert pixels.dtype == torch.uint8
