"""How much memory decoding an image takes, by its header.

Measured with images of 40 megapixels and Pillow 13 (libwebp 1.6, libjpeg-turbo 3.2), in bytes a pixel: PNG 5.5 (RGB,
RGBA; gray less), WebP 16.0 (Pillow takes its animation decoder, which holds two canvases, and copies the frame twice),
progressive JPEG 2.1 for each sample, since all coefficients are kept; other JPEGs are read at the scale wanted.
"""

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from service.errors import ImageTooLarge

_PNG_BYTES, _WEBP_BYTES, _COEFFICIENT_BYTES = 5.5, 16.0, 2.1

TOO_COSTLY = (
    "Images of this kind have at most {millions:.3g} million pixels, because decoding them takes more memory than "
    "others. Send a smaller one, or send it as PNG or as a JPEG that is not progressive."
)


def decoding_cost(opened: Image.Image, whole: int) -> int:
    """What decoding an opened image takes, in pixels of a PNG.

    `whole`: pixels of the file; `opened` has fewer where a JPEG is to be read at a smaller scale.
    """
    unpacked = _PNG_BYTES * opened.width * opened.height
    if opened.format == "WEBP":
        unpacked = _WEBP_BYTES * whole
    elif isinstance(opened, JpegImageFile) and opened.info.get("progressive"):
        unpacked += _COEFFICIENT_BYTES * _samples_a_pixel(opened) * whole
    return round(unpacked / _PNG_BYTES)


def _samples_a_pixel(opened: JpegImageFile) -> float:
    """Of all components; most JPEGs hold fewer samples of colors than of brightness (ITU-T T.81, A.1.1)."""
    sampled = [horizontal * vertical for _, horizontal, vertical, _ in opened.layer]
    return sum(sampled) / max(sampled)


def check_cost(cost: int, pixels: int, most: int) -> None:
    """Refuse what would take more than `most` pixels of a PNG. Raises ImageTooLarge, with the limit for such images."""
    if cost > most:
        raise ImageTooLarge(TOO_COSTLY.format(millions=pixels * most / cost / 1e6))
