"""The demo shop as a judged data set: composed queries made with it, graded by what was drawn.

Every product's kind, motif and color are known, so every pair of query and product has a true grade, without judging
errors. All motifs of the shop are held out from the training of the starter models (`starter/README.md`): those never
saw this artwork in training, in any style. The grades tell how well drawn motifs on plain products are found, not how
well photographs are.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from service.lab.dataset_image import ImageRef
from service.lab.judged import DataSet, LabDocument, LabQuery, Protocol
from service.lab.lab_errors import DataSetError
from service.support.whole_file import whole_file
from starter.artwork import motif, motif_names
from starter.catalogue import STYLES
from starter.rendering import render_motif
from starter.training.phrases import article

QUERIES = 300
OTHER_STYLE = "noto"
"""The shop does not use it: such a query image finds products by what it shows, not by its style."""

TASKS = ("a T with this", "a C T with this", "this design on a T", "another style: a T", "another style: a C T")
"""T: the kind of product, C: its color. Each round asks one task about every motif."""

PROTOCOL = Protocol(
    measures=("nDCG@9", "Success(rel=3)@1", "RR(rel=3)@9", "R(rel=3)@9"),
    depth=20,
    note="Grade 7: kind, motif and color as requested; 3: kind and motif; 1: one of them; 0: neither. rel=3 counts "
    "grades 3 and 7. The motifs of the demo shop were held out from the training of the starter models, in every "
    "style; products and images are drawn, not photographed. A product whose image is the query is not a result. In "
    "the names of tasks, T is the kind of product and C its color.",
)

_PIXELS = 320


@dataclass(frozen=True, slots=True)
class Ware:
    """A product of the shop and what was drawn. `motif` is the artwork's code."""

    document: LabDocument
    motif: str
    kind: str
    colour: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a query asks for; without a color, any will do."""

    motif: str
    kind: str
    colour: str | None

    def grade(self, ware: Ware) -> int:
        """7: everything requested; 3: all but the color; 1: the kind or the motif alone; 0: neither.

        These are the gains 2^g - 1 of the grades 3, 2 and 1 (Burges et al. 2005), as `benchmarks.quality` has them.
        """
        motif_fits, kind_fits = ware.motif == self.motif, ware.kind == self.kind
        if motif_fits and kind_fits:
            return 7 if self.colour in (None, ware.colour) else 3
        return int(motif_fits or kind_fits)


def demo_data(feed: Path, images: Path, *, queries: int = QUERIES, seed: int = 7) -> DataSet:
    """The shop of `feed` (`products.csv` of `starter.catalogue`) with `queries` queries; the same by seed.

    Query images are drawn into the folder `images`. Raises DataSetError if the feed is not of that shop.
    """
    wares = list(_wares(feed))
    asked = [_query(number, wares, images, seed) for number in range(queries)]
    judgments = {
        query.id: {ware.document.id: grade for ware in wares if (grade := wish.grade(ware))} for query, wish in asked
    }
    documents = {ware.document.id: ware.document for ware in wares}
    return DataSet("demo shop", documents, {query.id: query for query, _ in asked}, judgments, PROTOCOL)


def _wares(feed: Path) -> Iterator[Ware]:
    """The rows of the feed. A title says what was drawn: "Leopard phone case, grey"."""
    codes = {name.capitalize(): code for code, name in motif_names().items()}
    try:
        with feed.open(encoding="utf-8", newline="") as file:
            for line, row in enumerate(csv.DictReader(file), start=2):
                name = row["title"].removesuffix(f" {row['category']}, {row['colour']}")
                image = ImageRef(feed.parent / row["image"])
                attributes = {"colour": row["colour"]}
                if name not in codes:
                    raise DataSetError("this is not a product of the demo shop", file=feed, line=line)
                document = LabDocument(row["id"], row["title"], image, row["category"], float(row["price"]), attributes)
                yield Ware(document, codes[name], row["category"], row["colour"])
    except (OSError, KeyError, ValueError) as error:
        raise DataSetError("this is not the feed of the demo shop", file=feed) from error


def _query(number: int, wares: list[Ware], images: Path, seed: int) -> tuple[LabQuery, Wish]:
    """One query and what it asks for; its target is in the shop, and its image is not the target's."""
    rng = random.Random(f"{seed} {number}")
    motifs = list(dict.fromkeys(ware.motif for ware in wares))
    code, task = motifs[number % len(motifs)], TASKS[number // len(motifs) % len(TASKS)]
    own = [ware for ware in wares if ware.motif == code]
    target, origin = rng.sample(own, 2) if len(own) > 1 else (own[0], own[0])
    colour = target.colour if " C " in f"{task} " else None
    thing = f"{colour} {target.kind}" if colour else target.kind
    id, tags = f"q{number + 1:04d}", frozenset({f"task:{task}"})
    wish = Wish(code, target.kind, colour)
    if task == "this design on a T":
        text, excluded = f"this design on {article(thing)}", frozenset({origin.document.id})
        return LabQuery(id, text, origin.document.image, excluded=excluded, tags=tags), wish
    style = OTHER_STYLE if task.startswith("another") else rng.choice(STYLES)
    image = images / f"{seed}-{number + 1:04d}.png"
    _draw(image, style, code, rng)
    return LabQuery(id, f"{article(thing)} with this", ImageRef(image), tags=tags), wish


def _draw(path: Path, style: str, code: str, rng: random.Random) -> None:
    """Draw a query image unless it is there; it appears whole or not at all."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, mode=None) as file:
        render_motif(motif(style, code), rng, pixels=_PIXELS).save(file, "PNG")
