"""Reduction of large images without a second copy of all their pixels."""

from PIL import Image

from service.images.crop import Box
from service.images.normalize import opaque

_GAP = 3.0
"""Pixels are averaged by whole factors down to this multiple of the size wanted; from there on bicubic resampling does
it. The same as Pillow's `reducing_gap`, where 3 cannot be told from resampling alone.
"""

_ROWS = 64
"""Height of a strip, after averaging."""


def opaque_and_reduced(image: Image.Image, size: tuple[int, int], box: Box | None = None) -> Image.Image:
    """The image, or what is in `box` of it, as `opaque` gives it, in this size. With much larger ones that is done in
    strips.
    """
    left, top, right, bottom = box or (0, 0, *image.size)
    width, height = right - left, bottom - top
    factors = max(1, int(width / size[0] / _GAP)), max(1, int(height / size[1] / _GAP))
    if factors == (1, 1):
        averaged = opaque(image if (width, height) == image.size else image.crop((left, top, right, bottom)))
    else:
        averaged = _averaged(image, (left, top, right, bottom), *factors)
    if size == averaged.size:
        return averaged
    exact = (0.0, 0.0, width / factors[0], height / factors[1])
    return averaged.resize(size, Image.Resampling.BICUBIC, box=exact)


def _averaged(image: Image.Image, box: Box, across: int, down: int) -> Image.Image:
    """Each pixel the mean of `across` × `down` of those in `box`; those at the edge of fewer."""
    left, upper, right, lower = box
    size = -(-(right - left) // across), -(-(lower - upper) // down)
    whole: Image.Image | None = None
    for top in range(0, size[1], _ROWS):
        bottom = min(lower, upper + (top + _ROWS) * down)
        strip = opaque(image.crop((left, upper + top * down, right, bottom))).reduce((across, down))
        whole = whole or Image.new(strip.mode, size)
        whole.paste(strip, (0, top))
    assert whole is not None
    return whole
