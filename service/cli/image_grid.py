"""One image of a search: the query, the results as retrieved, and the results after reranking.

In both grids, every result shows its position *before* reranking, so moves are visible at a glance.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from rerank.panel import draw_panel
from service.wire.search import ResultOut, SearchOut

CELL = 240
COLUMNS = 3
_MARGIN = 24
_HEAD = 34
_LINE = 24
_WRAP_CHARS = 120
_PAPER = "#ffffff"
_INK = "#1b1f27"
_SOFT = "#596273"


def draw_search(
    response: SearchOut,
    images: Sequence[Image.Image | None],
    query_image: Image.Image | None,
    query_text: str | None,
) -> Image.Image:
    """Draw a search as RGB; `images[i]` belongs to `response.results[i]`.

    Without reranking there is one grid. ValueError if there are no results or the numbers differ.
    """
    if not response.results or len(images) != len(response.results):
        raise ValueError(f"{len(images)} images for {len(response.results)} results; at least one is needed")
    ranked = list(zip(response.results, images, strict=True))
    retrieved = sorted(ranked, key=lambda pair: pair[0].retrieval_rank)
    grids = [("as retrieved", _grid(retrieved, query_image))]
    if response.rerank.applied:
        grids.append(("after reranking (the numbers are the places before)", _grid(ranked, None)))
    return _compose(grids, _captions(response, query_text))


def _grid(ranked: Sequence[tuple[ResultOut, Image.Image | None]], query: Image.Image | None) -> Image.Image:
    labels = [str(result.retrieval_rank) for result, _ in ranked]
    return draw_panel(query, [image for _, image in ranked], labels, cell=CELL, columns=COLUMNS)


def _captions(response: SearchOut, query_text: str | None) -> list[str]:
    """The lines above the grids: the query, the caption, the reason."""
    report = response.rerank
    lines = [f"query: {query_text or 'image alone'}"]
    if response.query.caption:
        lines.append(f"caption: {response.query.caption}")
    if report.reason:
        lines.append(f"reason: {report.reason}")
    if report.degraded:
        lines.append(f"not reranked: {report.degraded}")
    return [part for line in lines for part in textwrap.wrap(line, _WRAP_CHARS)]


def _compose(grids: Sequence[tuple[str, Image.Image]], lines: Sequence[str]) -> Image.Image:
    """Lines of text, then the grids side by side, each under its heading."""
    top = _MARGIN + len(lines) * _LINE + _MARGIN // 2
    width = sum(grid.width for _, grid in grids) + _MARGIN * (len(grids) + 1)
    height = top + _HEAD + max(grid.height for _, grid in grids) + _MARGIN
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, _MARGIN + number * _LINE), line, fill=_INK, font=_font(17))
    left = _MARGIN
    for heading, grid in grids:
        draw.text((left, top), heading, fill=_SOFT, font=_font(19))
        sheet.paste(grid, (left, top + _HEAD))
        left += grid.width + _MARGIN
    return sheet


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
