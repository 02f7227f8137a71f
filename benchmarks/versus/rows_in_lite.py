"""Run in either checkout: a collection of numbered products on Milvus Lite, with the encoder of the settings.

`fill FOLDER ROWS` writes them as bulk runs do. `put FOLDER ROWS` writes each by itself, as PUT does with its way of
settling them, and prints how long a search takes then, of what it takes once all is settled.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import ingest
from benchmarks.records import product_record
from service.catalog import products
from service.settings import load_settings

if TYPE_CHECKING:  # its place in the other checkout may be another one
    from service.stores.store import Record, Store, Vector

COLORS, THINGS = ("red", "blue", "green", "grey", "pink"), ("mug", "hat", "lamp", "shoe", "case", "poster", "bag")
BATCH, SEARCHES = 512, 40


def record(number: int, vectors: Vector) -> Record:
    """A product of one of five colors and seven kinds."""
    color, thing = COLORS[number % 5], THINGS[number % 7]
    changes: dict[str, object] = {
        "title": f"{color} {thing} number {number}",
        "category": thing,
        "attributes": {"colour": color, "size": number % 50},
    }
    made = product_record(number, vectors[number])
    if "product" in {field.name for field in fields(made)}:
        return replace(made, product=made.product.model_copy(update=changes))
    return replace(made, **changes)  # type: ignore[arg-type]


def search_s(store: Store, vectors: Vector) -> float:
    """The median of searches with vectors of products."""
    times = []
    for vector in vectors[: SEARCHES + 3]:
        begin = time.perf_counter()
        store.search(vector, limit=20)
        times.append(time.perf_counter() - begin)
    return median(times[3:])


task, folder, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
bench: Any = ingest  # whose imports both checkouts have, from different places
settings = load_settings(data_dir=folder, store_timeout_s=600)
info = bench.load_encoder(settings).info
vectors = np.random.default_rng(3).normal(size=(rows, info.dimension)).astype(np.float32)
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
store = bench.open_store(settings)
store.ensure(info)
# Earlier checkouts write rows, later ones products.
write = getattr(store, "write", lambda products: store.upsert([row for rows in products for row in rows]))
settle_rows = getattr(products, "SETTLE_ROWS", 0)  # how a write by itself is settled, where it is
found = {}
step = BATCH if task == "fill" else 1
for start in range(0, rows, step):
    write([[record(number, vectors)] for number in range(start, min(start + step, rows))])
    if task == "put" and settle_rows:
        store.settle(settle_rows)
if task == "put":
    after_put = search_s(store, vectors)
    store.settle()
    found = {"put": after_put / search_s(store, vectors)}
else:
    store.settle()
store.close()
print(json.dumps(found))
