"""Training artwork from packages, normalized: RGBA, cropped to its content, at most 192 pixels, indexed by names.

Sources: Noto Color Emoji (Debian `fonts-noto-color-emoji`), Fluent 3D (npm `@lobehub/fluent-emoji-3d`), Twemoji
(npm `@twemoji/svg`), OpenMoji (npm `openmoji`) and Open Clip Art (Debian `openclipart-png` with the titles and
keywords that `openclipart-svg` carries). Licenses: `THIRD_PARTY.md`.
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import resvg_py
from PIL import Image, ImageDraw, ImageFont

from service.support.whole_file import write_whole
from starter.training.emoji import EmojiConcept

SIDE = 192
EMOJI_STYLES = ("noto", "fluent", "twemoji", "openmoji")
_TITLE = re.compile(r"<dc:title>([^<]{2,60})</dc:title>")
_KEYWORD = re.compile(r"<rdf:li>([^<]{2,30})</rdf:li>")
_EMPTY_WORDS = frozenset(
    ["clipart", "clip", "art", "architetto", "francesco", "rollandin", "unsorted", "openclipart", "remix", "contest"]
)


@dataclass(frozen=True, slots=True)
class Artwork:
    """One piece of artwork: what it shows (`concept` groups the same thing across styles), its names, its file."""

    style: str
    concept: str
    names: tuple[str, ...]
    path: str


def normalise(image: Image.Image) -> Image.Image | None:
    """RGBA, cropped to content, at most `SIDE` pixels; None if nothing is left to see."""
    image = image.convert("RGBA")
    content = image.getchannel("A").point([0] * 25 + [255] * 231).getbbox()
    if content is None or min(content[2] - content[0], content[3] - content[1]) < 16:
        return None
    image = image.crop(content)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return image


def _svg(path: Path) -> Image.Image | None:
    if not path.exists():
        return None
    return Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_path=str(path), width=224)))


def _short(code: str) -> str:
    return "-".join(part for part in code.split("-") if part != "fe0f")


class EmojiArtists:
    """Draws an emoji in any of the four styles; None if a style lacks it."""

    def __init__(self, packages: Path, noto_font: Path) -> None:
        self._packages = packages
        self._font = ImageFont.truetype(str(noto_font), 109)

    def draw(self, style: str, code: str) -> Image.Image | None:
        """The normalized artwork of emoji `code` in `style`."""
        image: Image.Image | None = getattr(self, f"_{style}")(code)
        return None if image is None else normalise(image)

    def _noto(self, code: str) -> Image.Image | None:
        text = "".join(chr(int(part, 16)) for part in code.split("-"))
        if len(_short(code).split("-")) > 1:
            return None  # joined sequences need a shaping engine that Pillow's wheel does not carry
        image = Image.new("RGBA", (136, 136))
        ImageDraw.Draw(image).text((0, 4), text[0], font=self._font, embedded_color=True)
        return image

    def _fluent(self, code: str) -> Image.Image | None:
        for name in (code, _short(code)):
            path = self._packages / "fluent/assets" / f"{name}.webp"
            if path.exists():
                return Image.open(path)
        return None

    def _twemoji(self, code: str) -> Image.Image | None:
        folder = self._packages / "twemoji"
        return _svg(folder / f"{_short(code)}.svg") or _svg(folder / f"{code}.svg")

    def _openmoji(self, code: str) -> Image.Image | None:
        folder = self._packages / "openmoji/color/svg"
        return _svg(folder / f"{code.upper()}.svg") or _svg(folder / f"{_short(code).upper()}.svg")


def _clip_art_names(svg: Path) -> list[str]:
    text = svg.read_text("utf-8", "ignore")[:20000]
    words = [*_TITLE.findall(text)[:1], *_KEYWORD.findall(text)]
    names = []
    for word in words:
        name = re.sub(r"[\d_]+", " ", word).strip().lower()
        name = re.sub(r"\s+", " ", name)
        if name.isascii() and 2 < len(name) < 32 and not _EMPTY_WORDS & set(name.split()):
            names.append(name)
    return list(dict.fromkeys(names))


def clip_art(png_root: Path, svg_root: Path) -> Iterator[tuple[str, list[str], Image.Image]]:
    """Open Clip Art as (relative stem, names with the title first, artwork); images without a name are left out."""
    for png in sorted(png_root.rglob("*.png")):
        relative = png.relative_to(png_root).with_suffix("")
        svg = svg_root / relative.with_suffix(".svg")
        names = _clip_art_names(svg) if svg.exists() else []
        if not names:
            continue
        try:
            image = normalise(Image.open(png))
        except (OSError, ValueError, Image.DecompressionBombError):
            continue
        if image is not None and image.width * image.height > 2000:
            yield relative.as_posix(), names, image


def save(artwork: Image.Image, style: str, concept: str, names: list[str], root: Path) -> Artwork:
    """Write one image as lossless WebP under `root` and return its index row."""
    path = Path(style) / f"{re.sub(r'[^a-z0-9-]+', '_', concept.lower())}.webp"
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    artwork.save(root / path, lossless=True, quality=30)
    return Artwork(style, concept, tuple(names), path.as_posix())


def write_index(rows: list[Artwork], root: Path) -> None:
    """Write `index.jsonl` next to the images, atomically, so that a broken build is built again."""
    text = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
    write_whole(root / "index.jsonl", text.encode(), mode=None)


def read_index(root: Path) -> list[Artwork]:
    """The rows of `index.jsonl`."""
    with (root / "index.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Artwork(row["style"], row["concept"], tuple(row["names"]), row["path"]) for row in rows]


def emoji_names(concept: EmojiConcept) -> list[str]:
    """The emoji's name, then its name without "face", then its keywords (weaker: they may name a wider thing)."""
    plain = re.sub(r"\s*\bface\b", "", concept.name).strip()
    return list(dict.fromkeys([concept.name, *([plain] if plain else []), *concept.tags]))
