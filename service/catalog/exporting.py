"""The catalog as JSON lines (`service.wire.export_lines`), read from the store a batch of products at a time.

Each product is exported whole, as one of its revisions. The export is no snapshot: a product that is written meanwhile
is exported before or after its change.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

import numpy as np

from service.catalog.listing import listed_ids
from service.errors import StoreUnavailable
from service.stores.filters import Filter
from service.stores.store import Record, Store, Vector
from service.support.batches import in_batches
from service.wire.export_lines import ExportedProduct, ExportEnd, ExportHead

_BATCH = 64
_VECTOR = np.dtype("<f4")
_NORM_TOLERANCE = 1e-3
NO_COLLECTION = (
    "The store has no collection of this name, so there is nothing to export. Check WITHTHIS_STORE_URI and "
    "WITHTHIS_COLLECTION."
)


def export_products(store: Store, *, vectors: bool = False, filter: Filter | None = None) -> Iterator[list[bytes]]:
    """The lines of an export, each with its end, some at a time. Raises StoreUnavailable."""
    built = store.built_by()
    if built is None:
        raise StoreUnavailable(NO_COLLECTION)
    yield [_line(ExportHead(encoder=built[0], fingerprint=built[1], vectors=vectors))]
    count = 0
    for listed in listed_ids(store, filter):
        for ids in in_batches(listed, _BATCH):
            found = store.products(ids)
            lines = [_line(_exported(found[id], vectors=vectors)) for id in ids if id in found]
            count += len(lines)
            yield lines
    yield [_line(ExportEnd(products=count))]


def read_vector(text: str, dimension: int) -> Vector | None:
    """A vector of an export, float32 [dimension], L2-normalized; None for anything else."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    if len(raw) != dimension * _VECTOR.itemsize:
        return None
    vector = np.frombuffer(raw, _VECTOR).astype(np.float32)
    return vector if abs(float(np.linalg.norm(vector.astype(np.float64))) - 1) < _NORM_TOLERANCE else None


def _exported(rows: Sequence[Record], *, vectors: bool) -> ExportedProduct:
    first = rows[0].product
    return ExportedProduct.model_construct(
        id=first.id,
        title=first.title,
        category=first.category,
        price=first.price,
        attributes=dict(first.attributes),
        images=[row.product.image_key for row in rows if row.product.image_key],
        updated_at=max(row.updated_at for row in rows),
        vectors=[_text(row.vector) for row in rows] if vectors else None,
    )


def _text(vector: Vector) -> str:
    return base64.b64encode(vector.astype(_VECTOR).tobytes()).decode()


def _line(value: ExportHead | ExportedProduct | ExportEnd) -> bytes:
    return value.model_dump_json(exclude_none=True).encode() + b"\n"
