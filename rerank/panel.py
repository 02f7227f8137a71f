"""The panel: query and candidates on one numbered image, for models that take a single image.

┌───────┬───┬───┬───┐     The query stands in a column of its own, framed and labeled in blue. Each candidate
│       │ A │ B │ C │     keeps its proportions inside its cell and carries its letter, white on red, in the
│       ├───┼───┼───┤     corner. Nothing straddles two cells: nine candidates and a query at the default size are
│ query │ D │ E │ F │     1200 × 900, which Phi-3 Vision at 16 crops sees as one cell a crop.
│       ├───┼───┼───┤
│       │ G │ H │ I │
└───────┴───┴───┴───┘
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

from PIL import Image, ImageDraw, ImageFont

from rerank.thumbnails import ThumbnailCache, fitted

__all__ = ["blank", "draw_panel"]

_PAPER = "#ffffff"
_LINE = "#c9ced6"
_MUTED = "#8a93a0"
_BADGE = "#c8102e"
_QUERY = "#1457d9"
_QUERY_PAPER = "#eaf1ff"

_Box = tuple[int, int, int, int]
_Fitted = Callable[[int, int], Image.Image]
"""An image as large as fits into a width and a height."""


_NONE_KEPT = ThumbnailCache(0)


def draw_panel(
    query: Image.Image | None,
    candidates: Sequence[Image.Image | None],
    labels: Sequence[str],
    *,
    cell: int = 300,
    columns: int = 3,
    keys: Sequence[str | None] = (),
    thumbnails: ThumbnailCache | None = None,
) -> Image.Image:
    """Draw the panel as RGB, (columns + 1 with a query) · cell wide and as many rows · cell high as it takes.

    A candidate without an image gets an empty cell that says so. Fewer candidates than columns narrow the grid.
    With `thumbnails`, candidates that have a content hash in `keys` (one per candidate) are resized only once.
    ValueError without candidates, if labels and candidates differ in number, or for a cell below 48 pixels.
    """
    if not candidates or len(labels) != len(candidates):
        raise ValueError(f"{len(labels)} labels for {len(candidates)} candidates; at least one of each is needed")
    if cell < 48 or columns < 1:
        raise ValueError(f"cells of 48 pixels or more in at least one column are needed, not {cell} and {columns}")
    if keys and len(keys) != len(candidates):
        raise ValueError(f"{len(keys)} keys for {len(candidates)} candidates; one each is needed")
    cache = _NONE_KEPT if thumbnails is None else thumbnails
    columns = min(columns, len(candidates))
    rows = -(-len(candidates) // columns)
    left = cell if query is not None else 0
    panel = Image.new("RGB", (left + columns * cell, rows * cell), _PAPER)
    if query is not None:
        _draw_query(panel, query, cell)
    for index, (image, label) in enumerate(zip(candidates, labels, strict=True)):
        corner = left + index % columns * cell, index // columns * cell
        key = keys[index] if keys else None
        shown = partial(fitted, blank(cell)) if image is None else partial(cache.fitted, image, key=key)
        _draw_candidate(panel, shown, label, corner, cell)
    return panel


def blank(side: int = 300) -> Image.Image:
    """The image of a product that has none: gray on white, RGB."""
    image = Image.new("RGB", (side, side), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((side / 2, side / 2), "no image", fill=_MUTED, font=_font(side // 10), anchor="mm")
    return image


def _draw_query(panel: Image.Image, query: Image.Image, cell: int) -> None:
    """The left column: tinted over its height, the framed query in its middle cell with its label below it."""
    draw, border, strip = ImageDraw.Draw(panel), max(3, cell // 40), cell // 7
    top = (panel.height // cell - 1) // 2 * cell
    bottom = top + cell - 1 - border
    draw.rectangle((0, 0, cell - 1, panel.height - 1), fill=_QUERY_PAPER)
    draw.rectangle((border, top + border, cell - 1 - border, bottom), fill=_PAPER, outline=_QUERY, width=border)
    _paste(panel, partial(fitted, query), (2 * border, top + 2 * border, cell - 2 * border, bottom - strip))
    draw.rectangle((border, bottom - strip, cell - 1 - border, bottom), fill=_QUERY)
    _write(draw, "query", (cell / 2, bottom - strip * 0.55), strip * 0.66)


def _draw_candidate(panel: Image.Image, shown: _Fitted, label: str, corner: tuple[int, int], cell: int) -> None:
    """One cell: a thin line around it, the badge in its top left corner, the image right of and below the badge."""
    draw, (x, y), pad, badge = ImageDraw.Draw(panel), corner, max(2, cell // 50), cell // 7
    draw.rectangle((x, y, x + cell - 1, y + cell - 1), outline=_LINE)
    inner = (x + pad + badge // 2, y + pad + badge // 2, x + cell - pad, y + cell - pad)
    _paste(panel, shown, inner)
    draw.rectangle((x + pad, y + pad, x + pad + badge, y + pad + badge), fill=_BADGE, outline=_PAPER, width=2)
    _write(draw, label, (x + pad + badge / 2, y + pad + badge / 2), badge * 0.78)


def _paste(panel: Image.Image, shown: _Fitted, box: _Box) -> None:
    """Fit the image into the box (left, top, right, bottom), proportions kept, centered."""
    width, height = box[2] - box[0], box[3] - box[1]
    small = shown(width, height)
    panel.paste(small, (box[0] + (width - small.width) // 2, box[1] + (height - small.height) // 2))


def _write(draw: ImageDraw.ImageDraw, text: str, center: tuple[float, float], size: float) -> None:
    """White bold text around a point."""
    draw.text(center, text, fill=_PAPER, font=_font(int(size)), anchor="mm", stroke_width=max(1, int(size) // 24))


@lru_cache(16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font inside Pillow: the same pixels on every machine."""
    return ImageFont.load_default(max(8, size))
