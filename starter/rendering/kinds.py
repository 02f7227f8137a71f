"""The sixteen product kinds: how each is drawn, and where its print goes.

Coordinates are the units of `starter.rendering.canvas`. Every drawing function returns the box in which a motif is
printed; `Kind.finish` draws what lies above the print (clock hands, a strap).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from starter.rendering.canvas import Box, Canvas
from starter.rendering.palette import RGB, lift, shade

_DARK: RGB = (28, 28, 32)
_STEEL: RGB = (150, 152, 156)


def _phone_case(c: Canvas, colour: RGB) -> Box:
    c.rectangle((140, 34, 308, 414), colour, shade(colour, 0.7), 4, 36)
    c.rectangle((154, 48, 222, 124), shade(colour, 0.72), None, 0, 18)
    for x, y in ((172, 70), (204, 70), (172, 102)):
        c.ellipse((x - 13, y - 13, x + 13, y + 13), _DARK, _STEEL, 2)
    return 152, 140, 296, 396


def _mug(c: Canvas, colour: RGB) -> Box:
    c.arc((276, 150, 398, 316), -100, 100, shade(colour, 0.85), 24)
    c.rectangle((84, 106, 326, 372), colour, None, 0, 30)
    c.rectangle((84, 106, 112, 372), shade(colour, 0.9), None, 0, 14)
    c.ellipse((84, 84, 326, 134), lift(colour, 0.25))
    c.ellipse((98, 92, 312, 126), shade(colour, 0.5))
    return 112, 146, 306, 356


_SHIRT = (
    (150, 78),
    (62, 140),
    (102, 222),
    (140, 194),
    (138, 400),
    (310, 400),
    (308, 194),
    (346, 222),
    (386, 140),
    (298, 78),
)


def _t_shirt(c: Canvas, colour: RGB) -> Box:
    c.polygon(_SHIRT, colour, shade(colour, 0.75), 2)
    c.ellipse((184, 56, 264, 112), shade(colour, 0.75))
    c.ellipse((190, 52, 258, 104), (250, 249, 247))
    return 152, 136, 296, 330


def _hoodie(c: Canvas, colour: RGB) -> Box:
    c.polygon(((132, 120), (38, 340), (92, 358), (150, 200)), shade(colour, 0.9), shade(colour, 0.7), 2)
    c.polygon(((316, 120), (410, 340), (356, 358), (298, 200)), shade(colour, 0.9), shade(colour, 0.7), 2)
    c.rectangle((126, 104, 322, 402), colour, shade(colour, 0.75), 2, 26)
    c.ellipse((148, 30, 300, 150), shade(colour, 0.8), shade(colour, 0.65), 3)
    c.ellipse((176, 56, 272, 138), shade(colour, 0.5))
    c.line(((200, 134), (198, 196)), lift(colour, 0.6), 5)
    c.line(((248, 134), (250, 196)), lift(colour, 0.6), 5)
    c.polygon(((160, 324), (288, 324), (304, 388), (144, 388)), shade(colour, 0.86), shade(colour, 0.7), 2)
    return 148, 154, 300, 318


def _tote_bag(c: Canvas, colour: RGB) -> Box:
    c.arc((152, 26, 296, 260), 180, 360, shade(colour, 0.72), 14)
    c.polygon(((94, 150), (354, 150), (374, 414), (74, 414)), colour, shade(colour, 0.75), 2)
    c.line(((94, 164), (354, 164)), shade(colour, 0.8), 3)
    return 116, 178, 332, 400


def _cushion(c: Canvas, colour: RGB) -> Box:
    c.polygon(((44, 54), (224, 78), (404, 54), (382, 224), (404, 396), (224, 374), (44, 396), (66, 224)), colour)
    c.polygon(
        ((60, 70), (224, 92), (388, 70), (368, 224), (388, 380), (224, 360), (60, 380), (80, 224)), lift(colour, 0.08)
    )
    return 98, 106, 350, 346


def _poster(c: Canvas, colour: RGB) -> Box:
    c.rectangle((92, 30, 356, 418), (74, 54, 38))
    c.rectangle((106, 44, 342, 404), colour)
    return 120, 84, 328, 350


def _cap(c: Canvas, colour: RGB) -> Box:
    c.pie((84, 84, 364, 392), 180, 360, colour)
    c.arc((84, 84, 364, 392), 180, 360, shade(colour, 0.75), 3)
    c.ellipse((50, 214, 304, 284), shade(colour, 0.72))
    c.ellipse((214, 78, 236, 92), shade(colour, 0.6))
    return 132, 90, 320, 222


def _plate(c: Canvas, colour: RGB) -> Box:
    c.ellipse((40, 40, 408, 408), colour, shade(colour, 0.75), 5)
    c.ellipse((92, 92, 356, 356), lift(colour, 0.12), shade(colour, 0.8), 2)
    return 126, 126, 322, 322


def _notebook(c: Canvas, colour: RGB) -> Box:
    c.rectangle((108, 48, 366, 408), (252, 252, 250), (190, 190, 190), 2, 8)
    c.rectangle((98, 42, 356, 402), colour, shade(colour, 0.75), 3, 8)
    for y in range(60, 392, 24):
        c.ellipse((84, y, 112, y + 12), None, (70, 70, 74), 4)
    return 134, 84, 334, 360


def _skateboard(c: Canvas, colour: RGB) -> Box:
    for y in (88, 346):
        c.rectangle((146, y, 302, y + 16), _STEEL, None, 0, 6)
    c.rectangle((162, 12, 286, 436), colour, shade(colour, 0.7), 4, 60)
    return 172, 108, 276, 340


def _clock(c: Canvas, colour: RGB) -> Box:
    c.ellipse((38, 38, 410, 410), shade(colour, 0.62))
    c.ellipse((58, 58, 390, 390), colour)
    for k in range(12):
        x, y = 224 + 148 * math.sin(k * math.pi / 6), 224 - 148 * math.cos(k * math.pi / 6)
        c.ellipse((x - 6, y - 6, x + 6, y + 6), shade(colour, 0.25) if sum(colour) > 240 else (225, 225, 225))
    return 132, 132, 316, 316


def _clock_hands(c: Canvas) -> None:
    c.line(((224, 224), (224, 116)), (16, 16, 18), 7)
    c.line(((224, 224), (292, 252)), (16, 16, 18), 9)
    c.ellipse((214, 214, 234, 234), (16, 16, 18))


def _water_bottle(c: Canvas, colour: RGB) -> Box:
    c.rectangle((184, 18, 264, 66), _DARK, None, 0, 10)
    c.rectangle((172, 56, 276, 110), shade(colour, 0.85), None, 0, 18)
    c.rectangle((140, 88, 308, 428), colour, shade(colour, 0.8), 2, 34)
    c.rectangle((150, 110, 164, 408), lift(colour, 0.35), None, 0, 7)
    return 168, 132, 298, 396


def _backpack(c: Canvas, colour: RGB) -> Box:
    c.arc((178, 14, 270, 110), 180, 360, shade(colour, 0.6), 12)
    c.rectangle((66, 190, 110, 380), shade(colour, 0.75), None, 0, 18)
    c.rectangle((338, 190, 382, 380), shade(colour, 0.75), None, 0, 18)
    c.rectangle((94, 54, 354, 424), colour, shade(colour, 0.72), 3, 70)
    c.line(((112, 146), (336, 146)), shade(colour, 0.55), 5)
    c.rectangle((122, 330, 326, 406), shade(colour, 0.86), shade(colour, 0.65), 3, 18)
    return 126, 156, 322, 324


def _apron(c: Canvas, colour: RGB) -> Box:
    c.arc((168, 2, 280, 130), 180, 360, shade(colour, 0.6), 9)
    c.line(((96, 204), (30, 232)), shade(colour, 0.6), 8)
    c.line(((352, 204), (418, 232)), shade(colour, 0.6), 8)
    c.polygon(
        ((166, 60), (282, 60), (300, 160), (356, 206), (356, 424), (92, 424), (92, 206), (148, 160)),
        colour,
        shade(colour, 0.75),
        2,
    )
    c.rectangle((150, 346, 298, 410), shade(colour, 0.87), shade(colour, 0.7), 2, 6)
    return 142, 150, 306, 338


def _sticker(c: Canvas, colour: RGB) -> Box:
    c.ellipse((54, 60, 402, 408), (206, 206, 206))
    c.ellipse((46, 50, 394, 398), (253, 253, 253))
    c.ellipse((66, 70, 374, 378), colour)
    return 112, 116, 328, 332


def _nothing(c: Canvas) -> None:
    """Most kinds have nothing above the print."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A product kind: its name, its price range in euros, and its drawing."""

    name: str
    price: tuple[int, int]
    draw: Callable[[Canvas, RGB], Box]
    finish: Callable[[Canvas], None] = _nothing


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("phone case", (15, 29), _phone_case),
        Kind("mug", (9, 18), _mug),
        Kind("t-shirt", (15, 30), _t_shirt),
        Kind("hoodie", (35, 60), _hoodie),
        Kind("tote bag", (12, 25), _tote_bag),
        Kind("cushion", (18, 35), _cushion),
        Kind("poster", (8, 40), _poster),
        Kind("cap", (14, 28), _cap),
        Kind("plate", (10, 24), _plate),
        Kind("notebook", (6, 16), _notebook),
        Kind("skateboard", (45, 90), _skateboard),
        Kind("clock", (20, 45), _clock, _clock_hands),
        Kind("water bottle", (14, 32), _water_bottle),
        Kind("backpack", (30, 70), _backpack),
        Kind("apron", (16, 34), _apron),
        Kind("sticker", (2, 6), _sticker),
    )
}
