"""Whether an encoder finds in bfloat16 what it finds in float32, on a CPU: recall@10 among thousands of embeddings.

`WITHTHIS_ENCODER=visualized-bge-base-en WITHTHIS_ENCODER_PATH=FOLDER python -m benchmarks.encoder_recall` takes the
encoder that the settings name; `benchmarks.random_visualized_bge` makes one of random weights. The texts are titles of
the demo shop; the images are those of its products, or photographs (`starter.training.photos`).

Queries are documents that are not in the collection: embedded in bfloat16 like all others ("all"), or searched for in
a collection in float32 ("queries"). Recall@10 is the part of the ten that are found which are, in float32, at least as
near as the tenth nearest. "To all" is the median cosine of a query to a document: the nearer to 1, the smaller are the
differences that make the order.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product
from pathlib import Path

import numpy as np
from rich.progress import track

from benchmarks.machine import instruction_sets
from benchmarks.report import Report, Sheet, Value
from benchmarks.terminal import err
from rerank.query import Query
from service.build import ENCODERS
from service.encoders.encoder import Encoder
from service.encoders.options import EncoderDtypeName
from service.encoders.registry import load_encoder
from service.settings import load_settings
from service.stores.store import Vector
from service.support.batches import in_batches
from starter.artwork import motif_names
from starter.catalogue import demo_products
from starter.rendering import COLOURS, KINDS
from starter.training.photos import open_photo, read_photos

K = 10
_EQUAL = 1e-6  # cosines of float32 vectors that differ by less
_BATCH = 32


def loaded(dtype: EncoderDtypeName) -> Encoder:
    """The encoder of the settings in that dtype."""
    chosen = load_settings().encoder
    return load_encoder(chosen.name, replace(chosen.options(), device="cpu", dtype=dtype), ENCODERS)


def titles(count: int) -> list[Query]:
    """Different ones."""
    every = [
        f"{name.capitalize()} {kind}, {color}" for name, kind, color in product(motif_names().values(), KINDS, COLOURS)
    ]
    return [Query(title, role="document") for title in random.Random(3).sample(every, count)]


def images(photos: Path | None) -> Iterator[Query]:
    """Photographs in the folder, in a random order, or products as they are drawn."""
    if photos is None:
        yield from (Query(image=image, role="document") for _, image in demo_products(100_000))
        return
    rows = read_photos(photos)
    random.Random(3).shuffle(rows)
    yield from (Query(image=open_photo(photos, row), role="document") for row in rows)


def embedded(encoders: Sequence[Encoder], documents: Iterator[Query], count: int, about: str) -> list[Vector]:
    """The vectors that each encoder gives, float32 [count, dimension]."""
    parts: list[list[Vector]] = [[] for _ in encoders]
    batches = in_batches(islice(documents, count), _BATCH)
    for batch in track(batches, about, total=-(-count // _BATCH), console=err):
        for encoder, found in zip(encoders, parts, strict=True):
            found.append(encoder.encode(batch).vectors)
    return [np.concatenate(found) for found in parts]


def rows(kind: str, exact: Vector, rough: Vector, queries: int) -> Iterator[dict[str, Value]]:
    """Of one kind of documents: all in bfloat16, then the queries alone. The first vectors are the queries."""
    wanted = exact[:queries] @ exact[queries:].T
    tenth = np.sort(wanted, axis=1)[:, -K, None]
    cosines = (exact * rough).sum(axis=1)
    for what, collection in (("all", rough), ("queries", exact)):
        nearest = np.argsort(-(rough[:queries] @ collection[queries:].T), axis=1)[:, :K]
        recalls = (np.take_along_axis(wanted, nearest, axis=1) >= tenth - _EQUAL).mean(axis=1)
        yield {
            "documents": kind,
            "vectors": len(exact) - queries,
            "queries": queries,
            "in bfloat16": what,
            "recall@10": float(recalls.mean()),
            "worst tenth": float(np.quantile(recalls, 0.1)),
            "least cosine": float(cosines.min()),
            "median cosine": float(np.median(cosines)),
            "to all": float(np.median(wanted)),
        }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=5000, help="titles in the collection; 5000, 0: none")
    parser.add_argument("--images", type=int, default=1000, help="images in the collection; 1000, 0: none")
    parser.add_argument("--queries", type=int, default=100, help="queries of each kind; 100")
    parser.add_argument("--photos", type=Path, help="folder of photographs; drawn products")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    options = parser.parse_args()
    exact, rough = loaded("float32"), loaded("bfloat16")
    found: list[dict[str, Value]] = []
    kinds = (
        ("text", iter(titles(options.texts + options.queries)), options.texts),
        ("image", images(options.photos), options.images),
    )
    for kind, documents, count in kinds:
        if count and kind in exact.info.modalities:
            ours, theirs = embedded([exact, rough], documents, count + options.queries, kind)
            found += rows(kind, ours, theirs, options.queries)
    formats = {
        "recall@10": ".4f",
        "worst tenth": ".2f",
        "least cosine": ".5f",
        "median cosine": ".5f",
        "to all": ".3f",
    }
    Report([Sheet(f"{exact.info.id} ({instruction_sets()})", found, formats)]).show(as_json=options.json)


if __name__ == "__main__":
    main()
