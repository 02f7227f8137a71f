"""What the namer is fitted on: emoji of several styles, alone and on products, and photographs if there are any.

Every image is looked at once by the frozen backbone: motifs and photographs whole, products in their middle, where the
print is, and some of them whole, for their kind. Kept are the means over the 49 cells, float16 [n, 1280], batch by
batch, so that a run that was stopped goes on.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from starter.backbone import preprocess
from starter.rendering import COLOURS, KINDS, render_motif, render_product
from starter.training.artwork import EmojiArtists
from starter.training.emoji import EmojiConcept, read_emoji
from starter.training.features import backbone_blocks, export_onnx
from starter.training.icon_sets import icon_set, words
from starter.training.naming import Chain, emoji_chain, kind_chain, photograph_chain
from starter.training.packages import Packages
from starter.training.photos import open_photo, read_photos
from starter.views import middle

STYLES = ("fluent", "twemoji", "openmoji", "emojione", "fluent-emoji-flat")
"""Styles that the namer is fitted on."""
UNSEEN_STYLE = "noto"
"""Drawn for figures alone: the style of the demo's query images. Its older form (noto-v1) is not used either."""
_ICONS = STYLES[3:]
_UNNAMED_STYLE = STYLES[0]
_WHOLE_PRODUCTS = 0.25
_BATCH = 64

Part = Literal["alone", "printed", "kind", "photograph"]
"""A motif alone; the middle of a product, for its print; the whole of a product, for its kind; a photograph."""


@dataclass(frozen=True, slots=True)
class Example:
    """One image: which part of it is looked at, what it shows, what that may be called, and the artwork's style."""

    part: Part
    thing: str
    chain: Chain
    style: str


_Drawn = tuple[Example, Image.Image]


def _renderings(thing: str, chain: Chain, style: str, artwork: Image.Image) -> Iterator[_Drawn]:
    rng = random.Random(f"{thing} {style}")
    yield Example("alone", thing, chain, style), render_motif(artwork, rng)
    if chain:
        kind = rng.choice(list(KINDS))
        product = render_product(kind, rng.choice(list(COLOURS)), artwork, rng)
        yield Example("printed", thing, chain, style), middle(product)
        if rng.random() < _WHOLE_PRODUCTS:
            yield Example("kind", kind, kind_chain(kind), style), product


def drawn(packages: Packages) -> Iterator[_Drawn]:
    """Every emoji in every style, alone and on a product; those without a name in one style, alone."""
    concepts = read_emoji(packages.root / "emojibase")
    artists = EmojiArtists(packages.root, packages.noto_font)
    for style in (*STYLES[:3], UNSEEN_STYLE):
        for concept in concepts:
            chain = emoji_chain(concept)
            if (chain or style == _UNNAMED_STYLE) and (artwork := artists.draw(style, concept.code)) is not None:
                yield from _renderings(concept.code, chain, style, artwork)
    yield from _icons(packages, concepts)


def _icons(packages: Packages, concepts: list[EmojiConcept]) -> Iterator[_Drawn]:
    named = {words(concept.name): concept for concept in concepts if emoji_chain(concept)}
    for style in _ICONS:
        for name, artwork in icon_set(packages.root / style):
            if (concept := named.get(name)) is not None:
                yield from _renderings(concept.code, emoji_chain(concept), style, artwork)


def photographs(folder: Path) -> Iterator[_Drawn]:
    """The photographs of a folder, see `starter.training.photos`; the style is the file."""
    for photo in read_photos(folder):
        example = Example("photograph", photo.label, photograph_chain(photo.label), photo.image)
        yield example, open_photo(folder, photo)


def examples(cache: Path, photos: Path | None) -> tuple[list[Example], NDArray[np.float32]]:
    """All examples and their features [n, 1280]; made on the first call."""
    parts = [_kept(cache / "drawn", partial(drawn, Packages.default()))]
    if photos is not None:
        parts.append(_kept(cache / "photographs", partial(photographs, photos)))
    return [one for found, _ in parts for one in found], np.concatenate([features for _, features in parts])


def _missing(root: Path, images: Iterator[_Drawn]) -> Iterator[tuple[Path, tuple[_Drawn, ...]]]:
    batches = iter(lambda: tuple(islice(images, _BATCH)), ())
    for number, batch in enumerate(batches):
        if not (path := root / f"{number:05d}.npz").exists():
            yield path, batch


def _look(onnx: Path, job: tuple[Path, tuple[_Drawn, ...]]) -> None:
    path, batch = job
    partial_path = path.with_name(f"part-{path.name}")
    rows = json.dumps([asdict(example) for example, _ in batch])
    blocks = backbone_blocks(onnx, [image for _, image in batch], preprocess)
    features = np.concatenate([block.mean(1).astype(np.float16) for block in blocks])
    np.savez(partial_path, rows=np.array(rows), features=features)
    partial_path.replace(path)


def _kept(root: Path, images: Callable[[], Iterator[_Drawn]]) -> tuple[list[Example], NDArray[np.float32]]:
    if not (root / "done").exists():
        root.mkdir(parents=True, exist_ok=True)
        export_onnx(root.with_name("backbone.onnx"))
        with get_context("spawn").Pool(2) as pool:
            work = pool.imap(partial(_look, root.with_name("backbone.onnx")), _missing(root, images()))
            for _ in track(work, root.name, total=None):
                pass
        (root / "done").touch()
    kept = [np.load(path) for path in sorted(root.glob("[0-9]*.npz"))]
    rows = [row for batch in kept for row in json.loads(str(batch["rows"]))]
    found = [Example(row["part"], row["thing"], tuple(row["chain"]), row["style"]) for row in rows]
    return found, np.concatenate([batch["features"] for batch in kept]).astype(np.float32)
