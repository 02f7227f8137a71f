"""The fields of a product that facets count, groups share and sorting reads: `category`, `price`, or an attribute.

`attributes.price` is the attribute where its name is that of a field.
"""

from __future__ import annotations

from service.product import AttributeValue, Product, Scalar, is_attribute_name, normal_text

CATEGORY, PRICE = "category", "price"
_PREFIX = "attributes."


def is_field_name(name: str) -> bool:
    """Whether a name may be that of a field: the rule for attributes, without the prefix."""
    return is_attribute_name(name.removeprefix(_PREFIX))


def attribute(product: Product, name: str) -> AttributeValue | None:
    """The value of an attribute, whose name may have the prefix; None if the product has none."""
    return product.attributes.get(normal_text(name.removeprefix(_PREFIX)))


def values_of(product: Product, name: str) -> list[Scalar]:
    """The different values of a product in a field, in their order; empty if it has none."""
    if name in (CATEGORY, PRICE):
        found: AttributeValue | None = product.category if name == CATEGORY else product.price
    else:
        found = attribute(product, name)
    values = found if isinstance(found, list) else [] if found is None else [found]
    return [value for _, value in {scalar_key(value): value for value in values}.items()]


def scalar_key(value: Scalar) -> tuple[bool, Scalar]:
    """Tells true from 1, which are equal in Python."""
    return isinstance(value, bool), value
