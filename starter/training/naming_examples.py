"""What the namer is fitted on, of the images in `fitting_images`, and what each of them may be called.

Motifs and photographs count by their whole, products by their middle, where the print is; some of them by their whole,
for their kind.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from starter.training.emoji import read_emoji
from starter.training.fitting_images import DRAWN_STYLES, UNNAMED_STYLE, UNSEEN_STYLE, drawings, photographs
from starter.training.naming import Chain, emoji_chain, kind_chain, photograph_chain
from starter.training.packages import Packages
from starter.training.seen_images import Features, SeenImage

STYLES = (*DRAWN_STYLES, "emojione", "fluent-emoji-flat")
"""Styles that the namer is fitted on."""
_WHOLE, _MIDDLE = 0, 1
_KINDS_OF = 4
"""One in so many pieces of artwork gives an example of a kind."""

Part = Literal["alone", "printed", "kind", "photograph"]
"""A motif alone; the middle of a product, for its print; the whole of a product, for its kind; a photograph."""


@dataclass(frozen=True, slots=True)
class Example:
    """One image: which part of it is looked at, what it shows, what that may be called, and the artwork's style."""

    part: Part
    thing: str
    chain: Chain
    style: str


def examples(packages: Packages, folder: Path | None) -> tuple[list[Example], Features]:
    """All examples and their features [n, 1280]."""
    rows, features = drawings(packages)
    chains = {concept.code: emoji_chain(concept) for concept in read_emoji(packages.root / "emojibase")}
    found = list(_of_drawings(rows, chains))
    photos, photographed = photographs(folder)
    shown = [Example("photograph", photo.label, photograph_chain(photo.label), photo.image) for photo in photos]
    places, views = (np.array(column) for column in list(zip(*found, strict=True))[1:])
    drawn = features[places, views]
    return [example for example, _, _ in found] + shown, np.concatenate([drawn, photographed[:, _WHOLE]])


def _of_drawings(rows: list[SeenImage], chains: dict[str, Chain]) -> Iterator[tuple[Example, int, int]]:
    """Examples, each with the row and the view that it is. Of a motif's two products one is for the print."""
    printed: set[tuple[str, str]] = set()
    for place, row in enumerate(rows):
        chain, piece = chains[row.thing], (row.thing, row.style)
        if row.style not in (*STYLES, UNSEEN_STYLE) or not (chain or row.style == UNNAMED_STYLE):
            continue
        if row.kind is None:
            yield Example("alone", row.thing, chain, row.style), place, _WHOLE
        elif chain and piece not in printed:
            printed.add(piece)
            yield Example("printed", row.thing, chain, row.style), place, _MIDDLE
        elif chain and zlib.crc32(" ".join(piece).encode()) % _KINDS_OF == 0:
            yield Example("kind", row.kind, kind_chain(row.kind), row.style), place, _WHOLE
