"""The images that the heads are fitted on, and their pooled backbone features: motifs in six styles, and products.

Noto, the style of the demo's query images, and its first version are left out in every step of fitting and choosing.
Emoji of people, hands and signs are no motifs, so that the heads know nothing of them. The result lies under
`.cache/starter/heads`: `images.jsonl` and `features.npy`, float16 [n, 2, 1280], the means of both views' cells.
"""

import json
import multiprocessing
import random
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from starter.backbone import FEATURES
from starter.rendering import COLOURS, KINDS, render_motif, render_product
from starter.training.artwork import EmojiArtists
from starter.training.emoji import EmojiConcept, read_emoji
from starter.training.features import backbone_blocks, export_onnx
from starter.training.icon_sets import icon_set, words
from starter.training.packages import Packages

DRAWN_STYLES = ("fluent", "twemoji", "openmoji")
ICON_STYLES = ("emojione", "fluent-emoji-flat", "streamline-emojis")
PRODUCTS = 2


@dataclass(frozen=True, slots=True)
class HeadImage:
    """One image: what it shows, in which style, and as what (neither kind nor color: the motif alone)."""

    concept: str
    name: str
    style: str
    kind: str | None
    color: str | None


def motif_concepts(packages: Packages) -> list[EmojiConcept]:
    """The emoji that are motifs of their own: things, animals, food, plants, places."""
    return [concept for concept in read_emoji(packages.root / "emojibase") if concept.distinct]


def artworks(packages: Packages, concepts: list[EmojiConcept]) -> Iterator[tuple[EmojiConcept, str, Image.Image]]:
    """Concept, style and artwork (RGBA) of every concept in every style that draws it."""
    artists = EmojiArtists(packages.root, packages.noto_font)
    for concept in concepts:
        for style in DRAWN_STYLES:
            if (image := artists.draw(style, concept.code)) is not None:
                yield concept, style, image
    by_name = {words(concept.name): concept for concept in concepts}
    for style in ICON_STYLES:
        for name, image in icon_set(packages.root / style):
            if name in by_name:
                yield by_name[name], style, image


def _drawn(concept: EmojiConcept, style: str, artwork: Image.Image) -> Iterator[tuple[HeadImage, Image.Image]]:
    """The motif alone, and products with it; the same for the same concept and style."""
    rng = random.Random(zlib.crc32(f"{concept.code} {style}".encode()))
    yield HeadImage(concept.code, concept.name, style, None, None), render_motif(artwork, rng)
    kinds, colors = rng.sample(list(KINDS), PRODUCTS), rng.sample(list(COLOURS), PRODUCTS)
    for kind, color in zip(kinds, colors, strict=True):
        yield HeadImage(concept.code, concept.name, style, kind, color), render_product(kind, color, artwork, rng)


def sample(packages: Packages, concepts: list[EmojiConcept]) -> list[Image.Image]:
    """All images of these concepts in the first style."""
    artists = EmojiArtists(packages.root, packages.noto_font)
    drawn = ((concept, artists.draw(DRAWN_STYLES[0], concept.code)) for concept in concepts)
    return [image for concept, art in drawn if art is not None for _, image in _drawn(concept, DRAWN_STYLES[0], art)]


_Job = tuple[Path, EmojiConcept, str, Image.Image]


def _featurized(job: _Job) -> list[tuple[HeadImage, NDArray[np.float16]]]:
    root, concept, style, artwork = job
    rows, images = zip(*_drawn(concept, style, artwork), strict=True)
    return list(zip(rows, pooled(root, images), strict=True))


def pooled(root: Path, images: tuple[Image.Image, ...] | list[Image.Image]) -> NDArray[np.float16]:
    """Means over the cells of both views, [n, 2, 1280], by the ONNX graph of the backbone under `root`."""
    cells = backbone_blocks(root / "backbone.onnx", images)
    blocks = [np.stack(np.split(block.mean(1), 2), axis=1).astype(np.float16) for block in cells]
    return np.concatenate(blocks) if blocks else np.zeros((0, 2, FEATURES), np.float16)


def build(packages: Packages, root: Path, *, workers: int = 2) -> None:
    """Draw and look at everything once; nothing is done if the result is there."""
    if (root / "features.npy").exists():
        return
    root.mkdir(parents=True, exist_ok=True)
    export_onnx(root / "backbone.onnx")
    jobs = ((root, *found) for found in artworks(packages, motif_concepts(packages)))
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        done = [pair for made in track(pool.imap(_featurized, jobs, 4), "images", total=5000) for pair in made]
    lines = (json.dumps(asdict(row)) + "\n" for row, _ in done)
    (root / "images.jsonl").write_text("".join(lines), "utf-8")
    np.save(root / "features.part.npy", np.stack([features for _, features in done]))
    (root / "features.part.npy").replace(root / "features.npy")


def load(root: Path) -> tuple[list[HeadImage], NDArray[np.float32]]:
    """What was built: the rows, and their features [n, 2, 1280]."""
    with (root / "images.jsonl").open(encoding="utf-8") as lines:
        rows = [HeadImage(**json.loads(line)) for line in lines]
    return rows, np.load(root / "features.npy").astype(np.float32)
