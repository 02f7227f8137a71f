"""Rows to and from Milvus."""

import numpy as np
import pytest

from service.product import Product
from service.stores.milvus.schema import FIELDS, collection_schema, to_hit, to_record, to_row, vector_index
from service.stores.store import Record


def record(category: str | None, price: float | None) -> Record:
    vector = np.array([0.6, 0.8], np.float32)
    stored = {"title": "A title", "category": category, "price": price, "attributes": {"colour": "red"}}
    return Record("p#0", Product(id="p", image_key="k.png", **stored), vector, "hash", 7)


@pytest.mark.parametrize(("category", "price"), [("mug", 3.5), (None, None), ("mug", 0.0)])
def test_round_trip(category: str | None, price: float | None) -> None:
    before = record(category, price)
    row = to_row(before)
    after = to_record(row)
    assert None not in row.values()
    assert after.product == before.product and (after.product.category, after.product.price) == (category, price)
    assert np.array_equal(after.vector, before.vector)


def test_scores_stay_within_a_cosine() -> None:
    row = to_row(record("mug", 1.0))
    assert to_hit(row, 1.0000001).score == 1.0
    assert to_hit(row, 0.25).product.id == "p"


def test_the_schema_has_every_field_and_no_nullable_one() -> None:
    schema = collection_schema(384).to_dict()
    assert {field["name"] for field in schema["fields"]} == {*FIELDS, "vector"}
    assert not any(field.get("nullable") for field in schema["fields"])


@pytest.mark.parametrize(
    ("index_type", "given", "built"),
    [("HNSW", {"M": 32}, {"M": 32, "efConstruction": 200}), ("IVF_FLAT", {}, {"nlist": 128}), ("AUTOINDEX", {}, {})],
)
def test_index_parameters(index_type: str, given: dict[str, int], built: dict[str, int]) -> None:
    [index] = list(vector_index(index_type, given))
    names = {"field_name": "vector", "index_name": "", "metric_type": "COSINE", "index_type": index_type}
    assert index.to_dict() == {**names, **built}
