"""What the closed-form models are fitted on: emoji in seven styles, alone and on products, and photographs.

One set for the heads and for the namer, each of which takes its part; both leave out Noto, the style of the demo's
query images, which is drawn for figures alone. Its older form (noto-v1) is not drawn.
"""

import hashlib
import random
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from starter.backbone import FEATURES
from starter.rendering import COLOURS, KINDS, render_motif, render_product
from starter.training.artwork import EmojiArtists
from starter.training.emoji import EmojiConcept, read_emoji
from starter.training.icon_sets import icon_set, words
from starter.training.naming import emoji_chain
from starter.training.packages import Packages
from starter.training.photos import Photo, open_photo, read_photos
from starter.training.prepare import CACHE
from starter.training.seen_images import Features, SeenImage, Shown, seen

ROOT = CACHE / "fitting"
DRAWN_STYLES = ("fluent", "twemoji", "openmoji")
ICON_STYLES = ("emojione", "fluent-emoji-flat", "streamline-emojis")
UNSEEN_STYLE = "noto"
UNNAMED_STYLE = DRAWN_STYLES[0]
"""The only one in which things are drawn that are neither a motif nor named: alone, never on a product."""
_PRODUCTS = 2
Piece = tuple[EmojiConcept, str, Image.Image]
"""A concept, a style, and the artwork, RGBA."""


def drawings(packages: Packages) -> tuple[list[SeenImage], Features]:
    """All drawn images and their features [n, 2, 1280]; made on the first call."""
    concepts = read_emoji(packages.root / "emojibase")
    return seen(ROOT / "drawn", _artworks(packages, concepts), drawn)


def photographs(folder: Path | None) -> tuple[list[Photo], Features]:
    """The photographs of a folder and their features; none without one. Raises FileNotFoundError."""
    photos = read_photos(folder) if folder is not None else []
    if folder is None or not photos:
        return [], np.zeros((0, 2, FEATURES), np.float32)
    key = hashlib.sha256("\n".join(map(repr, photos)).encode()).hexdigest()[:12]
    _, features = seen(ROOT / f"photographs-{key}", photos, partial(_photographed, folder))
    return photos, features


def is_printed(concept: EmojiConcept) -> bool:
    """Whether it is drawn in every style, and on products: motifs of their own, and whatever has a name."""
    return concept.distinct or bool(emoji_chain(concept))


def _artworks(packages: Packages, concepts: list[EmojiConcept]) -> Iterator[Piece]:
    artists = EmojiArtists(packages.root, packages.noto_font)
    for concept in concepts:
        for style in (*DRAWN_STYLES, UNSEEN_STYLE) if is_printed(concept) else (UNNAMED_STYLE,):
            if (image := artists.draw(style, concept.code)) is not None:
                yield concept, style, image
    by_name = {words(concept.name): concept for concept in concepts if is_printed(concept)}
    for style in ICON_STYLES:
        for name, image in icon_set(packages.root / style):
            if name in by_name:
                yield by_name[name], style, image


def drawn(piece: Piece) -> list[Shown]:
    """The motif alone, and products with it; the same for the same concept and style."""
    concept, style, artwork = piece
    rng = random.Random(zlib.crc32(f"{concept.code} {style}".encode()))
    found = [(SeenImage(concept.code, concept.name, style), render_motif(artwork, rng))]
    if not is_printed(concept):
        return found
    kinds, colors = rng.sample(list(KINDS), _PRODUCTS), rng.sample(list(COLOURS), _PRODUCTS)
    for kind, color in zip(kinds, colors, strict=True):
        row = SeenImage(concept.code, concept.name, style, kind, color)
        found.append((row, render_product(kind, color, artwork, rng)))
    return found


def _photographed(folder: Path, photo: Photo) -> list[Shown]:
    return [(SeenImage(photo.label, photo.label, photo.image), open_photo(folder, photo))]
