"""A region of an image, in shares of its sides as people see them, so that it does not depend on resolution.

Coordinates are those of Media Fragments (W3C, 2012, section 4.2.2), as shares in place of percents.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

_SLACK = 1e-6
"""Sums of decimal shares miss whole pixels by rounding alone."""

_FROM_UPRIGHT = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""By EXIF orientation (CIPA DC-008, 4.6.4): whether the axes are swapped, then x and y mirrored."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels; right and bottom are outside, as in Pillow."""


@dataclass(frozen=True, slots=True)
class Crop:
    """The corner nearest to the upper left, and the size; all from 0 to 1, and the whole within the image."""

    x: float
    y: float
    width: float
    height: float

    def box(self, size: tuple[int, int]) -> Box:
        """Every pixel that the region touches in an image of `size`, at least one."""
        left, right = _span(self.x, self.width, size[0])
        top, bottom = _span(self.y, self.height, size[1])
        return left, top, right, bottom

    def as_stored(self, orientation: int) -> Crop:
        """The same region of the pixels as a file holds them, given the EXIF orientation that makes them upright."""
        swapped, mirrored, flipped = _FROM_UPRIGHT[orientation]
        x, y, width, height = self.x, self.y, self.width, self.height
        if swapped:
            x, y, width, height = y, x, height, width
        return Crop(1 - x - width if mirrored else x, 1 - y - height if flipped else y, width, height)

    def identity(self, content_hash: str) -> str:
        """The content hash of this region of an image, which is another image than the whole, in hex."""
        region = f"{self.x!r},{self.y!r},{self.width!r},{self.height!r}"
        return hashlib.sha256(f"{content_hash}#xywh={region}".encode()).hexdigest()


WHOLE = Crop(0.0, 0.0, 1.0, 1.0)


def _span(start: float, length: float, pixels: int) -> tuple[int, int]:
    first = min(max(0, math.floor(start * pixels + _SLACK)), pixels - 1)
    last = min(math.ceil((start + length) * pixels - _SLACK), pixels)
    return first, max(last, first + 1)
