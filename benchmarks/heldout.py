"""The held-out test set: products and queries over motifs that the starter models never saw, with graded relevance."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from starter.artwork import motif, motif_names
from starter.rendering import COLOURS, KINDS, render_motif, render_product
from starter.training.phrases import article

GALLERY_STYLE = "fluent"
OTHER_STYLES = ("noto", "twemoji")
PRODUCTS_PER_MOTIF = 11
QUERIES_PER_MOTIF = 2


@dataclass(frozen=True, slots=True)
class HeldOutProduct:
    """One product of the gallery."""

    motif: str
    kind: str
    colour: str
    image: Image.Image


@dataclass(frozen=True, slots=True)
class HeldOutQuery:
    """One query; `kind` and `colour` are what its words ask for, `source` the gallery row it was made from."""

    task: str
    motif: str
    kind: str | None
    colour: str | None
    text: str | None
    image: Image.Image | None
    source: int | None = None

    def grade(self, product: HeldOutProduct) -> int:
        """3: everything requested; 2: all but the color; 1: the kind or the motif alone; 0: neither."""
        motif_fits, kind_fits = product.motif == self.motif, self.kind in (None, product.kind)
        if motif_fits and kind_fits:
            return 3 if self.colour in (None, product.colour) else 2
        return int(self.kind is not None and (motif_fits or kind_fits))


def gallery(seed: int = 1) -> list[HeldOutProduct]:
    """Eleven products of each motif, of different kinds, in the gallery's style."""
    rng, products = random.Random(seed), []
    for code in sorted(motif_names()):
        for kind in rng.sample(list(KINDS), PRODUCTS_PER_MOTIF):
            colour = rng.choice(list(COLOURS))
            products.append(
                HeldOutProduct(code, kind, colour, render_product(kind, colour, motif(GALLERY_STYLE, code), rng))
            )
    return products


def queries(products: list[HeldOutProduct], seed: int = 2) -> Iterator[HeldOutQuery]:
    """Two queries of each task a motif; the target of each exists in the gallery."""
    rng, names = random.Random(seed), motif_names()
    rows: dict[str, list[int]] = {}
    for row, product in enumerate(products):
        rows.setdefault(product.motif, []).append(row)
    for code, own in rows.items():
        for turn in range(QUERIES_PER_MOTIF):
            target, origin = rng.sample(own, 2)
            wanted, source = products[target], products[origin]
            a, other = article(wanted.kind), OTHER_STYLES[turn % len(OTHER_STYLES)]
            same, across = (render_motif(motif(style, code), rng) for style in (GALLERY_STYLE, other))
            coloured = article(f"{wanted.colour} {wanted.kind}")
            yield HeldOutQuery("a T with this", code, wanted.kind, None, f"{a} with this", same)
            yield HeldOutQuery("a C T with this", code, wanted.kind, wanted.colour, f"{coloured} with this", same)
            yield HeldOutQuery("image alone", code, None, None, None, same)
            text = f"{a} with {article(names[code])}"
            yield HeldOutQuery("text alone", code, wanted.kind, None, text, None)
            design = f"this design on {a}"
            yield HeldOutQuery("this design on a T", code, wanted.kind, None, design, source.image, origin)
            yield HeldOutQuery("across styles: a T with this", code, wanted.kind, None, f"{a} with this", across)
            yield HeldOutQuery("across styles: image alone", code, None, None, None, across)
