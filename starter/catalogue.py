"""The demo shop, a print-on-demand catalog: `python -m starter.catalogue FOLDER [--products 900] [--seed 7]`.

Writes `FOLDER/images/*.jpg` and `FOLDER/products.csv` (id, title, category, colour, price, image). The same seed
gives the same shop. All its motifs are held out from the training of the starter models.
"""

import argparse
import csv
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.progress import track

from starter.artwork import motif, motif_names
from starter.rendering import COLOURS, KINDS, render_motif, render_product

PIXELS = 448
STYLES = ("fluent", "twemoji")
"""The styles the shop prints; a query image in the third one, Noto, finds them by what it shows."""
_LEOPARD = "1f406"
_MOTIFS = 60
QUERIES = {"leopard": _LEOPARD, "rose": "1f339", "crocodile": "1f40a", "sushi": "1f363", "wine-glass": "1f377"}
"""The query images that ship: name → the motif that it shows."""


@dataclass(frozen=True, slots=True)
class DemoProduct:
    """One row of the feed; `price` in euros, `image` relative to the feed."""

    id: str
    title: str
    category: str
    colour: str
    price: str
    image: str


def _motifs(rng: random.Random) -> list[str]:
    """The shop's motifs: the leopard and those of the other query images, then a sample."""
    queried = list(QUERIES.values())
    others = sorted(set(motif_names()) - set(queried))
    return queried + rng.sample(others, _MOTIFS - len(queried))


def _wares(code: str, rng: random.Random) -> list[tuple[str, str]]:
    """Every (kind, color) once, in the order in which the shop takes them up.

    First one kind in four colors, then eleven other kinds, then the rest: so a motif has rivals of its own kind and of
    others. The leopard's first kind is the phone case.
    """
    kinds, colours = rng.sample(list(KINDS), len(KINDS)), list(COLOURS)
    if code == _LEOPARD:
        kinds.sort(key=lambda kind: kind != "phone case")
    first = [(kinds[0], colour) for colour in rng.sample(colours, 4)]
    first += [(kind, rng.choice(colours)) for kind in kinds[1:12]]
    rest = [pair for pair in product(KINDS, COLOURS) if pair not in first]
    return first + rng.sample(rest, len(rest))


def demo_products(count: int = 900, seed: int = 7) -> Iterator[tuple[DemoProduct, Image.Image]]:
    """The products with their images (RGB, 448×448), one at a time."""
    rng = random.Random(seed)
    motifs, names = _motifs(rng), motif_names()
    wares = {code: _wares(code, rng) for code in motifs}
    for number in range(count):
        code = motifs[number % len(motifs)]
        kind, colour = wares[code][number // len(motifs) % len(wares[code])]
        style = STYLES[number // len(motifs) % len(STYLES)]
        image = render_product(kind, colour, motif(style, code), rng, pixels=PIXELS)
        identifier = f"P{number + 1:04d}"
        title = f"{names[code].capitalize()} {kind}, {colour}"
        price = f"{rng.randint(*KINDS[kind].price) - 0.1:.2f}"
        yield DemoProduct(identifier, title, kind, colour, price, f"images/{identifier}.jpg"), image


def write_shop(folder: Path, count: int, seed: int) -> None:
    """Write feed and images under `folder`; the feed comes last, so that its presence means a whole shop."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows, shop = [], demo_products(count, seed)
    for row, image in track(shop, "drawing the shop", total=count, console=Console(stderr=True)):
        image.save(folder / row.image, quality=88)
        rows.append(asdict(row))
    with (folder / "products.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(DemoProduct)])
        writer.writeheader()
        writer.writerows(rows)


def write_queries(folder: Path) -> None:
    """Draw the query images that ship in `starter/queries`, in the style that the shop does not use."""
    folder.mkdir(exist_ok=True)
    for name, code in QUERIES.items():
        render_motif(motif("noto", code), random.Random(name), pixels=320).save(folder / f"{name}.webp", quality=88)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m starter.catalogue", description="Draw the demo shop.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--products", type=int, default=900)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    write_shop(options.folder, options.products, options.seed)


if __name__ == "__main__":
    main()
