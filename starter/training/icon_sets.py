"""Further training artwork: icon sets in the Iconify layout (npm `@iconify-json/*`), drawn from their SVG bodies.

Four sets draw emoji in other styles; an icon is taken where its name is that of an emoji. Game Icons name thousands of
other things in one color; every icon gets a color of its own, since a shop rarely prints in black alone.
"""

import colorsys
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import resvg_py
from PIL import Image

from starter.training.artwork import normalise

EMOJI_SETS = ("noto-v1", "emojione", "fluent-emoji-flat", "streamline-emojis")
NAMED_SET = "game-icons"
_SIDE = 224


def words(name: str) -> str:
    """The name as an icon set writes it, with spaces: lower case, no punctuation, no variant number."""
    plain = re.sub(r"[^a-z0-9]+", " ", re.sub(r"['’]", "", name.lower())).strip()
    return re.sub(r" \d+$", "", plain)


def _colour(name: str) -> str:
    seed = zlib.crc32(name.encode())
    red, green, blue = colorsys.hls_to_rgb(seed % 360 / 360, 0.3 + seed % 7 * 0.05, 0.75)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def _draw(icon: dict[str, Any], icons: dict[str, Any], name: str) -> Image.Image | None:
    width, height = (icon.get(side) or icons.get(side) or 16 for side in ("width", "height"))
    body = icon["body"].replace("currentColor", _colour(name))
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{_SIDE}" height="{_SIDE}" viewBox="0 0 {width} {height}">{body}</svg>'
    )
    return normalise(Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_string=svg))))


def icon_set(package: Path) -> Iterator[tuple[str, Image.Image]]:
    """The set's icons as (name in `words`, artwork), one icon a name; images that cannot be drawn are left out."""
    icons = json.loads((package / "icons.json").read_text("utf-8"))
    seen: set[str] = set()
    for key, icon in icons["icons"].items():
        name = words(key)
        if name in seen or not name or any(c.isdigit() for c in name):
            continue
        seen.add(name)
        image = _draw(icon, icons, name)
        if image is not None:
            yield name, image
