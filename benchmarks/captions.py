"""What the bundled models say, held against what is so: `python -m benchmarks.captions`.

A caption or a reason is false where a name in it is neither the name of what the image shows nor a broader one, by the
chains of names in `starter/training/names.json`. Captions: of the query images that ship, and of every shipped motif in
the style that the demo's products are not printed in, each as often as it is asked about (once per kind of product).
Reasons: of the product that comes first, for queries of words, of an image and of both; "contradicting" are those that
the answer would still show after `service.search.reason_check`.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from benchmarks.heldout import HeldOutProduct, HeldOutQuery, gallery, queries
from benchmarks.report import Report, Sheet, Value
from benchmarks.terminal import err
from rerank.candidates import Candidate
from rerank.engines.engine import EngineRequest
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.strategies.listwise import ListwiseStrategy
from service.product import Product
from service.search.reason_check import reason_fault
from starter.artwork import motif, motif_names
from starter.catalogue import QUERIES
from starter.embedder import StarterEmbedder
from starter.engine_adapter import StarterEngine
from starter.namer import Chain, Namer
from starter.rendering import KINDS, render_motif
from starter.training.naming import kind_chain
from starter.vlm import StarterVLM

LIST = 9
TASKS = ("text alone", "image alone", "a T with this", "this design on a T")
Row = dict[str, Value]
Vectors = NDArray[np.float32]


def false_names(said: str, kind: Chain, thing: Chain) -> bool:
    """Whether a caption names a kind or a thing that is not in these chains."""
    first, _, second = said.partition(" with ")
    return first not in (*kind, *thing) or bool(second and second not in thing)


def _query_files() -> Iterator[tuple[str, Image.Image]]:
    for name, code in QUERIES.items():
        with files("starter").joinpath("queries", f"{name}.webp").open("rb") as file:
            yield code, Image.open(file).convert("RGB")


def _motifs() -> Iterator[tuple[str, Image.Image]]:
    for code in sorted(motif_names()):
        yield code, render_motif(motif("noto", code), random.Random(code), pixels=320)


def captions(engine: StarterEngine, chains: dict[str, Chain]) -> list[Row]:
    """One row for each set of query images."""
    rows: list[Row] = []
    for name, images in (("query images that ship", _query_files()), ("all motifs in their style", _motifs())):
        said = [(engine.generate(EngineRequest("", (image,))).text, chains[code]) for code, image in images]
        captioned = [(text, chain) for text, chain in said if text]
        false = sum(false_names(text, (), chain) for text, chain in captioned)
        exact = sum(bool(chain) and text == chain[0] for text, chain in captioned)
        count = len(said)
        row: Row = {"images": name, "queries": count * len(KINDS), "captioned": len(captioned) / count}
        rows.append({**row, "exact": exact / count, "false": false / count})
    return rows


def _product(row: int, held: HeldOutProduct) -> Product:
    title = f"{motif_names()[held.motif].capitalize()} {held.kind}, {held.colour}"
    facts = {"id": str(row), "title": title, "category": held.kind, "price": 10.0, "image_key": "k"}
    return Product.model_validate({**facts, "attributes": {"color": held.colour}})


@dataclass(frozen=True, slots=True)
class Models:
    """The shipped models: the engine over the VLM, and both over the embedder."""

    embedder: StarterEmbedder
    vlm: StarterVLM
    engine: StarterEngine

    @classmethod
    def load(cls) -> "Models":
        """With room for all images of the gallery."""
        embedder = StarterEmbedder.shipped()
        vlm = StarterVLM.load(embedder=embedder)
        return cls(embedder, vlm, StarterEngine(vlm, cache_size=4096))

    def show(self, rows: Sequence[int], images: Sequence[Image.Image]) -> Vectors:
        """Look at products for retrieval and for reranking: their vectors [n, 384]."""
        for row, features in zip(rows, self.engine.extract(images), strict=True):
            self.engine.feature_cache.put(_key(row), features)
        return self.embedder.encode([None] * len(images), images)[0]

    def ask(self, query: HeldOutQuery) -> tuple[Query, Vectors]:
        """A query and its vector [384]; its image is looked at once, and forgotten with the query."""
        image = None if query.image is None else query.image.copy()
        if image is not None:
            self.embedder.look([image], keep=True)
        return Query(query.text, image), self.embedder.encode([query.text], [image])[0][0]


def reasons(models: Models, chains: dict[str, Chain], most: int) -> Row:
    """What becomes of the reasons of so many answers."""
    products = gallery()
    asked = [query for query in queries(products) if query.task in TASKS]
    asked = random.Random(3).sample(asked, min(most, len(asked)))
    written, dropped, false, contradicting = 0, 0, 0, 0
    strategy = ListwiseStrategy(models.engine, PromptLibrary.load())
    for query, order in _lists(models, asked, products):
        outcome = strategy.rerank(query, _candidates(products, order))
        first, reason = products[order[outcome.ranking.order[0]]], outcome.ranking.reason
        if reason is None:
            continue
        named, categories = reason.partition(",")[0], {products[row].kind for row in order}
        fault = reason_fault(reason, _product(0, first), categories)
        is_false = not reason.startswith("nearest") and false_names(named, kind_chain(first.kind), chains[first.motif])
        written, dropped, false = written + 1, dropped + (fault is not None), false + is_false
        contradicting += is_false and fault is None
    counts = {"reasons": written, "false": false, "dropped by the check": dropped, "contradicting": contradicting}
    return {"answers": len(asked), **counts}


def _lists(
    models: Models, asked: Sequence[HeldOutQuery], products: list[HeldOutProduct]
) -> Iterator[tuple[Query, list[int]]]:
    chunks = [range(len(products))[start : start + 64] for start in range(0, len(products), 64)]
    shown = track(chunks, "gallery", console=err)
    vectors = np.concatenate([models.show(rows, [products[row].image for row in rows]) for rows in shown])
    for query in track(asked, "reasons", console=err):
        opened, vector = models.ask(query)
        yield opened, [int(row) for row in np.argsort(-(vectors @ vector)) if row != query.source][:LIST]


def _key(row: int) -> str:
    return f"product {row}"


def _candidates(products: list[HeldOutProduct], order: list[int]) -> list[Candidate]:
    """Products as candidates in retrieval order."""
    return [
        Candidate(str(row), "", products[row].image, float(-place), image_hash=_key(row))
        for place, row in enumerate(order)
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="What the bundled models say, held against what is so.")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--answers", type=int, default=500, help="answers whose reasons are read; 0: captions only")
    options = parser.parse_args()
    models, chains = Models.load(), Namer.load().motifs
    sheets = [Sheet("Captions", captions(models.engine, chains), dict.fromkeys(("captioned", "exact", "false"), ".3f"))]
    if options.answers:
        sheets.append(Sheet("Reasons", [reasons(models, chains, options.answers)]))
    Report(sheets).show(as_json=options.json)


if __name__ == "__main__":
    main()
