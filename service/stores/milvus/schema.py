"""The Milvus collection: its fields, its index, and rows to and from records."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from pymilvus import CollectionSchema, DataType, MilvusClient
from pymilvus.milvus_client.index import IndexParams

from service.product import MAX_CATEGORY_CHARS, MAX_ID_CHARS, MAX_TITLE_CHARS, Product
from service.stores.filters import NO_CATEGORY, NO_PRICE
from service.stores.milvus.attributes import decode, encode
from service.stores.revisions import id_of_key, row_key
from service.stores.store import Hit, Record, RowState

ENCODER_PROPERTY = "withthis.encoder"
FINGERPRINT_PROPERTY = "withthis.fingerprint"
ATTRIBUTES_PROPERTY = "withthis.attributes"
TYPED = "typed"
"""The property of collections whose attributes are written by `service.stores.milvus.attributes`."""


_UTF8_BYTES = 4  # Milvus counts VARCHAR lengths in bytes
_ROW_SUFFIX_BYTES = 16
_KEY_BYTES = 256
_BETWEEN, _STAMP_PARTS = ":", 2
FIELDS = [
    *("id", "product_id", "title", "category", "price", "attributes", "image_key", "content_hash", "updated_at"),
]
STATE_FIELDS = ["id", "product_id", "image_key", "content_hash", "updated_at"]
HEAD_FIELDS = ["id", "product_id", "content_hash"]
_BUILD_DEFAULTS: dict[str, dict[str, int]] = {
    "HNSW": {"M": 16, "efConstruction": 200},
    "IVF_FLAT": {"nlist": 128},
}


def collection_schema(dimension: int) -> CollectionSchema:
    """One row per image. No nullable fields: servers before 2.5 do not have them."""
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    id_bytes = MAX_ID_CHARS * _UTF8_BYTES
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=id_bytes + _ROW_SUFFIX_BYTES)
    schema.add_field("product_id", DataType.VARCHAR, max_length=id_bytes)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
    schema.add_field("title", DataType.VARCHAR, max_length=MAX_TITLE_CHARS * _UTF8_BYTES)
    schema.add_field("category", DataType.VARCHAR, max_length=MAX_CATEGORY_CHARS * _UTF8_BYTES)
    schema.add_field("price", DataType.DOUBLE)
    schema.add_field("attributes", DataType.JSON)
    schema.add_field("image_key", DataType.VARCHAR, max_length=_KEY_BYTES)
    schema.add_field("content_hash", DataType.VARCHAR, max_length=_KEY_BYTES)
    schema.add_field("updated_at", DataType.INT64)
    return schema


def vector_index(index_type: str, params: Mapping[str, int]) -> IndexParams:
    """An explicit COSINE index; `params` override the defaults of the type."""
    index = MilvusClient.prepare_index_params()
    build = {**_BUILD_DEFAULTS.get(index_type, {}), **params}
    index.add_index("vector", index_type=index_type, metric_type="COSINE", params=build)
    return index


def to_row(record: Record, *, typed: bool = True) -> dict[str, Any]:
    """A record as Milvus takes it; `typed`: as the collection's property says."""
    product = record.product
    return {
        "id": row_key(record),
        "product_id": product.id,
        "vector": np.asarray(record.vector, dtype=np.float32).tolist(),
        "title": product.title,
        "category": NO_CATEGORY if product.category is None else product.category,
        "price": NO_PRICE if product.price is None else product.price,
        "attributes": encode(product.attributes) if typed else dict(product.attributes),
        "image_key": product.image_key,
        "content_hash": _stamp(record),
        "updated_at": record.updated_at,
    }


def to_record(row: Mapping[str, Any]) -> Record:
    """A record as it was stored."""
    stamp = _stamp_of(row)
    return Record(
        id=id_of_key(row["id"], stamp.revision),
        product=_product(row),
        vector=np.asarray(row["vector"], dtype=np.float32),
        content_hash=stamp.content_hash,
        updated_at=row["updated_at"],
        revision=stamp.revision,
        revision_rows=stamp.rows,
    )


def to_hit(row: Mapping[str, Any], score: float) -> Hit:
    """A found row; the score is kept within a cosine's range, which float32 sums exceed slightly."""
    stamp = _stamp_of(row)
    return Hit(
        id=id_of_key(row["id"], stamp.revision),
        product=_product(row),
        content_hash=stamp.content_hash,
        updated_at=row["updated_at"],
        score=min(1.0, max(-1.0, score)),
        revision=stamp.revision,
    )


def to_state(row: Mapping[str, Any]) -> RowState:
    """The state of a row, out of `STATE_FIELDS`."""
    content_hash, revision, rows = _stamp_of(row)
    id = id_of_key(row["id"], revision)
    return RowState(id, row["image_key"], content_hash, row["updated_at"], revision, rows)


def revision_of(row: Mapping[str, Any]) -> str:
    """A row's revision, out of `HEAD_FIELDS`."""
    return _stamp_of(row).revision


class _Stamp(NamedTuple):
    """The content hash of a row and the revision behind it."""

    content_hash: str
    revision: str
    rows: int


def _stamp(record: Record) -> str:
    """The hash with the revision behind it: collections that exist get no further fields, on servers before 2.6."""
    if not record.revision:
        return record.content_hash
    return _BETWEEN.join((record.content_hash, record.revision, str(record.revision_rows)))


def _stamp_of(row: Mapping[str, Any]) -> _Stamp:
    """Hash and revision of a row; rows from before revisions have only a hash."""
    content_hash, *stamp = row["content_hash"].split(_BETWEEN)
    revision, rows = stamp if len(stamp) == _STAMP_PARTS else ("", "0")
    return _Stamp(content_hash, revision, int(rows))


def _product(row: Mapping[str, Any]) -> Product:
    return Product.model_construct(
        id=row["product_id"],
        title=row["title"],
        category=row["category"] or None,
        price=row["price"] if row["price"] >= 0 else None,
        attributes=decode(row["attributes"]),
        image_key=row["image_key"],
    )
