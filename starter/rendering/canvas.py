"""A drawing surface in fixed units, so that one drawing serves every resolution."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from starter.rendering.palette import RGB

UNITS = 448
"""Side of the square canvas in drawing units."""

Box = tuple[float, float, float, float]
Point = tuple[float, float]


class Canvas:
    """A square image, `UNITS` wide in drawing units and `pixels` wide in pixels."""

    def __init__(self, pixels: int, background: RGB) -> None:
        self.image = Image.new("RGB", (pixels, pixels), background)
        self._draw = ImageDraw.Draw(self.image)
        self._scale = pixels / UNITS

    def _flat(self, values: Sequence[float]) -> list[float]:
        return [value * self._scale for value in values]

    def _width(self, width: float) -> int:
        return max(1, round(width * self._scale)) if width else 0

    def ellipse(self, box: Box, fill: RGB | None = None, outline: RGB | None = None, width: float = 0) -> None:
        """An ellipse inside `box`."""
        self._draw.ellipse(self._flat(box), fill, outline, self._width(width))

    def rectangle(
        self, box: Box, fill: RGB | None = None, outline: RGB | None = None, width: float = 0, radius: float = 0
    ) -> None:
        """A rectangle with corners rounded by `radius`."""
        self._draw.rounded_rectangle(self._flat(box), radius * self._scale, fill, outline, self._width(width))

    def polygon(self, points: Sequence[Point], fill: RGB, outline: RGB | None = None, width: float = 0) -> None:
        """A closed polygon."""
        flat = self._flat([value for point in points for value in point])
        self._draw.polygon(flat, fill, outline, max(1, self._width(width)))

    def line(self, points: Sequence[Point], fill: RGB, width: float) -> None:
        """A polyline with round joints."""
        flat = self._flat([value for point in points for value in point])
        self._draw.line(flat, fill, self._width(width), joint="curve")

    def arc(self, box: Box, start: float, end: float, fill: RGB, width: float) -> None:
        """A part of an ellipse's outline; angles in degrees, clockwise from three o'clock."""
        self._draw.arc(self._flat(box), start, end, fill, self._width(width))

    def pie(self, box: Box, start: float, end: float, fill: RGB) -> None:
        """A filled sector of an ellipse; angles as in `arc`."""
        self._draw.pieslice(self._flat(box), start, end, fill)
