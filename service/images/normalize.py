"""One form for all images: upright, opaque, RGB."""

from PIL import ExifTags, Image

_WHITE = 255
_TURNS = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_270,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_90,),
}


def orientation(exif: bytes | None) -> int:
    """The orientation (1…8) that EXIF data states; 1 where there are none, or broken ones.

    EXIF alone counts, as for browsers. Pillow's `getexif` would also take it from XMP and from text chunks of PNG.
    """
    if not exif:
        return 1
    try:
        found = Image.Exif()
        found.load(exif)
        value = found.get(ExifTags.Base.Orientation, 1)
    except Exception:  # declared fault boundary: EXIF is free-form hostile data, and an image is usable without it
        return 1
    return value if value in _TURNS else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Undo an EXIF orientation."""
    for turn in _TURNS.get(orientation, ()):
        image = image.transpose(turn)
    return image


def opaque(image: Image.Image) -> Image.Image:
    """L, RGB or CMYK with 8 bits, on white. Handles alpha channels, palette and tRNS transparency, and 16-bit gray.

    The values of colors stay as they are, so that a color profile still fits them.
    """
    if image.mode.startswith("I"):
        image = _eight_bit(image)
    if image.has_transparency_data:
        return _on_white(image)
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def flatten(image: Image.Image) -> Image.Image:
    """RGB on white, as a copy without metadata, which could hold places or hidden payloads."""
    flat = opaque(image)
    return bare(flat if flat.mode == "RGB" else flat.convert("RGB"))


def bare(image: Image.Image) -> Image.Image:
    """A copy of an RGB image without metadata."""
    copy = Image.new("RGB", image.size)
    copy.paste(image)
    return copy


def _on_white(image: Image.Image) -> Image.Image:
    gray = image.mode in ("1", "L", "LA")
    layered = "LA" if gray else "RGBA"
    layers = image if image.mode == layered else image.convert(layered)
    canvas = Image.new("L", image.size, _WHITE) if gray else Image.new("RGB", image.size, (_WHITE,) * 3)
    canvas.paste(layers.getchannel("L") if gray else layers, mask=layers)
    return canvas


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit gray to 8 bits by scaling; Pillow's own conversion would clip nearly everything to white."""
    return image.convert("I").point([value // 256 for value in range(65536)], "L")
