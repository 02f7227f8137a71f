"""Reducing in strips is reducing."""

import io

import pytest
from PIL import Image, ImageChops

from service.images import reduction
from service.images.normalize import opaque
from service.images.reduction import opaque_and_reduced
from tests.unit.service.images.sample_images import encoded


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "CMYK", "1"])
@pytest.mark.parametrize(("width", "height"), [(501, 347), (1000, 61), (40, 900), (640, 640)])
def test_strips_give_what_the_whole_gives(mode: str, width: int, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reduction, "_ROWS", 7)
    image = Image.radial_gradient("L").resize((width, height))
    image = Image.merge("RGB", (image, image.transpose(Image.Transpose.ROTATE_180), ImageChops.invert(image)))
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.linear_gradient("L").resize((width, height)))
    image = image.quantize(64) if mode == "P" else image.convert(mode)
    size = max(1, width // 10), max(1, height // 10)
    expected = opaque(image).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    found = opaque_and_reduced(image, size)
    assert (found.mode, found.size) == (expected.mode, size)
    assert max(ImageChops.difference(found, expected).tobytes()) <= 1


def test_a_transparent_color_is_white_in_every_strip() -> None:
    image = Image.new("P", (700, 700))
    image.putpalette([0, 0, 0, 255, 0, 0])
    with Image.open(io.BytesIO(encoded(image, transparency=0))) as opened:
        assert opaque_and_reduced(opened, (70, 70)).getextrema() == ((255, 255),) * 3
