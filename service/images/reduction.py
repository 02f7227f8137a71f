"""Reduction of large images without a second copy of all their pixels."""

from PIL import Image

from service.images.normalize import opaque

_GAP = 3.0
"""Pixels are averaged by whole factors down to this multiple of the size wanted; from there on bicubic resampling does
it. The same as Pillow's `reducing_gap`, where 3 cannot be told from resampling alone.
"""

_ROWS = 64
"""Height of a strip, after averaging."""


def opaque_and_reduced(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image as `opaque` gives it, in this size. With much larger images that is done in strips."""
    if size == image.size:
        return opaque(image)
    factors = max(1, int(image.width / size[0] / _GAP)), max(1, int(image.height / size[1] / _GAP))
    averaged = opaque(image) if factors == (1, 1) else _averaged(image, *factors)
    box = (0.0, 0.0, image.width / factors[0], image.height / factors[1])
    return averaged.resize(size, Image.Resampling.BICUBIC, box=box)


def _averaged(image: Image.Image, across: int, down: int) -> Image.Image:
    """Each pixel the mean of `across` × `down` of the image's; those at the edge of fewer."""
    size = -(-image.width // across), -(-image.height // down)
    whole: Image.Image | None = None
    for top in range(0, size[1], _ROWS):
        bottom = min(image.height, (top + _ROWS) * down)
        strip = opaque(image.crop((0, top * down, image.width, bottom))).reduce((across, down))
        whole = whole or Image.new(strip.mode, size)
        whole.paste(strip, (0, top))
    assert whole is not None
    return whole
