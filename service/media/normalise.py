"""One look for all pictures: upright, opaque, RGB."""

from PIL import ExifTags, Image

_BACKGROUND = (255, 255, 255)
_TURNS = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_270,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_90,),
}


def upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation. Broken EXIF data counts as none, as it does for browsers."""
    for turn in _TURNS.get(_orientation(image), ()):
        image = image.transpose(turn)
    return image


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # declared fault boundary: EXIF is free-form hostile data, and a picture is usable without it
        return 1
    return value if isinstance(value, int) else 1


def flatten(image: Image.Image) -> Image.Image:
    """RGB on white. Handles alpha channels, palette and tRNS transparency, 16-bit grey and CMYK."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return _bare(image)
    if image.mode.startswith("I"):
        image = _eight_bit(image)
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        canvas = Image.new("RGB", image.size, _BACKGROUND)
        canvas.paste(layers, mask=layers.getchannel("A"))
        return canvas
    return _bare(image.convert("RGB"))


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey to 8 bits by scaling; Pillow's own conversion would clip nearly everything to white."""
    return image.convert("I").point([value // 256 for value in range(65536)], "L")


def _bare(image: Image.Image) -> Image.Image:
    """A copy without metadata that could hold places or hidden payloads."""
    bare = Image.new("RGB", image.size)
    bare.paste(image)
    return bare
