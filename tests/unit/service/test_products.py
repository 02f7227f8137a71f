"""Products: what may be stored."""

import pytest
from pydantic import ValidationError

from service.products import Product, is_attribute_name


def test_a_full_product() -> None:
    product = Product(
        id="p-1", title="Mug", category="mug", price=3, attributes={"size": 3, "tags": ["a", 1]}, image_key=""
    )
    assert product.price == 3.0


@pytest.mark.parametrize("bad", ["", " a", "a\n", "a\x00", "a\x85", "\ud800", "x" * 257])
def test_bad_ids(bad: str) -> None:
    with pytest.raises(ValidationError):
        Product(id=bad, image_key="")


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf")])
def test_bad_prices(bad: float) -> None:
    with pytest.raises(ValidationError):
        Product(id="a", price=bad, image_key="")


@pytest.mark.parametrize(
    "bad",
    [{"a": float("inf")}, {"a": "\x00"}, {"a": 2**63}, {"a": "x" * 1001}, {"": "x"}, {'a"b': 1}, {"a[0]": 1}],
)
def test_bad_attributes(bad: dict[str, str | int | float]) -> None:
    with pytest.raises(ValidationError):
        Product.model_validate({"id": "a", "attributes": bad, "image_key": ""})


def test_too_many_attributes() -> None:
    with pytest.raises(ValidationError):
        Product.model_validate({"id": "a", "attributes": {f"a{i}": i for i in range(65)}, "image_key": ""})


@pytest.mark.parametrize("name", ["colour", "Größe (EU)", "price/kg", "a.b", "emoji 🐆"])
def test_attribute_names(name: str) -> None:
    assert is_attribute_name(name)
