"""The derivatives stored next to an original: a rendition at working size, thumbnails, and features of engines.

Reranking reads the same products again and again, and decoding a camera's original takes 20 times as long as its
rendition: a JPEG at quality 90, with chroma at half the resolution as in most originals (4:2:0). Both are upright,
opaque and in sRGB, as `service.images.decode` leaves an image.
"""

import io

from PIL import Image

from service.images.normalize import bare

RECIPE = 1
"""Goes up with each change of how originals are decoded and renditions made.

Renditions of another recipe are made again, and swept, and so are features.
"""

_RENDITION_QUALITY = 90
_THUMBNAIL_QUALITY = 85


def encode_rendition(image: Image.Image) -> bytes:
    """The rendition of an original that was decoded and reduced."""
    return _jpeg(image, _RENDITION_QUALITY)


def decode_rendition(data: bytes) -> Image.Image:
    """The pixels of a rendition, which is our own file: RGB."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as opened:
        return bare(opened)


def encode_thumbnail(image: Image.Image, side: int) -> bytes:
    """A JPEG that fits `side` x `side` pixels."""
    small = image.copy()
    small.thumbnail((side, side))
    return _jpeg(small, _THUMBNAIL_QUALITY, optimize=True)


def _jpeg(image: Image.Image, quality: int, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()
