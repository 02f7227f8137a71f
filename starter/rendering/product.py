"""Motif + kind + color → a product image, with the variation of a shop's photographs."""

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PIL import Image, ImageChops, ImageDraw, ImageEnhance

from starter.rendering.canvas import UNITS, Box, Canvas
from starter.rendering.kinds import KINDS
from starter.rendering.palette import BACKGROUNDS, COLOURS, RGB

_SUPERSAMPLING = 3
_MOTIF_BACKGROUNDS: tuple[RGB, ...] = (
    (255, 255, 255), (243, 240, 234), (205, 222, 240), (221, 235, 211), (250, 226, 196), (34, 34, 44), (120, 160, 190),
)  # fmt: skip

Pattern = Literal["single", "small", "grid", "brick"]
_SHARES: dict[Pattern, float] = {"single": 0.72, "small": 0.12, "grid": 0.1, "brick": 0.06}


@dataclass(frozen=True, slots=True)
class Print:
    """How a motif is placed on a product: `scale` is a share of the print box, `tilt` in degrees."""

    pattern: Pattern
    scale: float
    tilt: float

    @classmethod
    def sample(cls, rng: random.Random) -> "Print":
        """A print as shops show them: mostly one large motif, at times a small or a repeated one."""
        pattern = rng.choices(list(_SHARES), list(_SHARES.values()))[0]
        scale = {"single": rng.uniform(0.85, 1.05), "small": rng.uniform(0.6, 0.75)}.get(
            pattern, rng.uniform(0.42, 0.48)
        )
        return cls(pattern, scale, rng.uniform(-15, 15) if rng.random() < 0.4 else 0.0)


@lru_cache(maxsize=1024)
def _blank(kind: str, colour: str, background: RGB, pixels: int) -> tuple[Image.Image, Box]:
    canvas = Canvas(pixels * _SUPERSAMPLING, background)
    box = KINDS[kind].draw(canvas, COLOURS[colour])
    return canvas.image.resize((pixels, pixels), Image.Resampling.BOX), box


@lru_cache(maxsize=64)
def _overlay(kind: str, pixels: int) -> Image.Image:
    """What lies above the print, as a mask-carrying RGBA image (it is always near black)."""
    canvas = Canvas(pixels * _SUPERSAMPLING, (255, 255, 255))
    KINDS[kind].finish(canvas)
    drawn = canvas.image.resize((pixels, pixels), Image.Resampling.BOX)
    overlay = Image.new("RGBA", drawn.size, (16, 16, 18, 0))
    overlay.putalpha(ImageChops.invert(drawn.convert("L")))
    return overlay


def _fitted(motif: Image.Image, side: float, tilt: float) -> Image.Image:
    ratio = side / max(motif.size)
    size = (max(1, round(motif.width * ratio)), max(1, round(motif.height * ratio)))
    fitted = motif.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return fitted.rotate(tilt, Image.Resampling.BICUBIC, expand=True) if tilt else fitted


def _places(box: Box, how: Print, rng: random.Random) -> list[tuple[float, float]]:
    """Centers of the motif's copies in drawing units."""
    x, y, width, height = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]
    if how.pattern == "single":
        return [(x + rng.uniform(-0.04, 0.04) * width, y + rng.uniform(-0.04, 0.04) * height)]
    if how.pattern == "small":
        return [(x + rng.uniform(-0.2, 0.2) * width, y - rng.uniform(0.0, 0.2) * height)]
    offsets = [(-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)]
    if how.pattern == "brick":
        offsets = [(-0.25, -0.3), (0.25, -0.3), (0.0, 0.0), (-0.25, 0.3), (0.25, 0.3)]
    return [(x + dx * width, y + dy * height) for dx, dy in offsets]


def _lit(image: Image.Image, rng: random.Random) -> Image.Image:
    """Light, warmth and camera tilt; the studio background fills what the tilt uncovers."""
    if rng.random() < 0.5:
        image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.82, 1.08))
    if rng.random() < 0.25:
        image = ImageEnhance.Color(image).enhance(rng.uniform(0.75, 1.15))
    if rng.random() < 0.5:
        corner = image.getpixel((2, 2))
        image = image.rotate(rng.uniform(-8, 8), Image.Resampling.BILINEAR, fillcolor=corner)
    return image


def render_product(
    kind: str, colour: str, motif: Image.Image, rng: random.Random, *, how: Print | None = None, pixels: int = 224
) -> Image.Image:
    """Draw one product image.

    Args:
        kind: a name in `KINDS`.
        color: a name in `COLOURS`.
        motif: RGBA artwork, cropped to its content.
        rng: decides the print (unless `how` is given), placement, background, light and camera tilt.
        how: pattern, scale and tilt of the print.
        pixels: side of the square RGB result.
    """
    how = how or Print.sample(rng)
    blank, box = _blank(kind, colour, rng.choice(BACKGROUNDS), pixels)
    image, unit = blank.copy(), pixels / UNITS
    side = min(box[2] - box[0], box[3] - box[1]) * how.scale * unit
    fitted = _fitted(motif, side, how.tilt)
    for x, y in _places(box, how, rng):
        image.paste(fitted, (round(x * unit - fitted.width / 2), round(y * unit - fitted.height / 2)), fitted)
    overlay = _overlay(kind, pixels)
    image.paste(overlay, (0, 0), overlay)
    return _lit(image, rng)


def _gradient(pixels: int, rng: random.Random) -> Image.Image:
    top, bottom = rng.sample(_MOTIF_BACKGROUNDS, 2)
    strip = Image.new("RGB", (1, 2))
    strip.putpixel((0, 0), top)
    strip.putpixel((0, 1), bottom)
    return strip.resize((pixels, pixels), Image.Resampling.BILINEAR)


def render_motif(motif: Image.Image, rng: random.Random, *, pixels: int = 224) -> Image.Image:
    """The artwork alone on a plain or shaded ground, as a shopper's query image: square RGB of `pixels`."""
    if rng.random() < 0.25:
        image = _gradient(pixels, rng)
    else:
        image = Image.new("RGB", (pixels, pixels), rng.choice(_MOTIF_BACKGROUNDS))
    tilt = rng.uniform(-20, 20) if rng.random() < 0.3 else 0.0
    fitted = _fitted(motif, pixels * rng.uniform(0.55, 0.95), tilt)
    room_x, room_y = pixels - fitted.width, pixels - fitted.height
    x = round(room_x * rng.uniform(0.3, 0.7))
    y = round(room_y * rng.uniform(0.3, 0.7))
    image.paste(fitted, (x, y), fitted)
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.1:
        draw.rectangle((0, 0, pixels - 1, pixels - 1), outline=(60, 60, 60), width=max(1, pixels // 56))
    return image
