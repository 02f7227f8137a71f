"""Products: what may be stored."""

import pytest
from pydantic import ValidationError

from service.product import Product, is_attribute_name


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
    [{"a": float("inf")}, {"a": "\x00"}, {"a": 2**63}, {"a": "x" * 10_001}, {"": "x"}, {'a"b': 1}, {"a[0]": 1}],
)
def test_bad_attributes(bad: dict[str, str | int | float]) -> None:
    with pytest.raises(ValidationError):
        Product.model_validate({"id": "a", "attributes": bad, "image_key": ""})


def test_too_many_attributes() -> None:
    with pytest.raises(ValidationError):
        Product.model_validate({"id": "a", "attributes": {f"a{i}": i for i in range(257)}, "image_key": ""})


@pytest.mark.parametrize("name", ["colour", "Größe (EU)", "price/kg", "a.b", "emoji 🐆"])
def test_attribute_names(name: str) -> None:
    assert is_attribute_name(name)


def test_texts_are_kept_in_unicodes_form_c() -> None:
    """File names of macOS come in form D, where `é` is two characters."""
    apart, together = "Cafe\u0301", "Caf\u00e9"
    product = Product(id="a", title=apart, category=apart, attributes={apart: [apart]}, image_key="")
    assert (product.title, product.category, product.attributes) == (together, together, {together: [together]})
    with pytest.raises(ValidationError, match="same name"):
        Product(id="a", attributes={apart: 1, together: 2}, image_key="")


def test_long_descriptions_and_many_columns_up_to_what_a_milvus_server_takes() -> None:
    product = Product(id="a", attributes={"text": "x" * 10_000, **{f"a{i}": i for i in range(255)}}, image_key="")
    assert len(product.attributes) == 256
    with pytest.raises(ValidationError, match="together"):
        Product(id="a", attributes={f"text{i}": "x" * 10_000 for i in range(7)}, image_key="")
