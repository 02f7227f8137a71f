"""WooCommerce's product export (<https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema>).

A variation's `Parent` is the parent's SKU, or `id:` and its ID; so the id of a product is its SKU, or the same form.
Variations belong to their parent: its price is that of the cheapest one, and attributes are lists.
"""

from __future__ import annotations

import re
from typing import Any

from service.catalog.column_types import Kind
from service.catalog.formats.feed_format import FeedFormat, Fields, entries, filled, folded, links, take
from service.catalog.formats.joins import collect, lowest, most_available

_GTIN = "gtin,_upc,_ean,_or_isbn"
_ATTRIBUTE = re.compile(r"attribute_([0-9]+)_name")
_INTERNAL = re.compile(
    r"meta:.*|attribute_[0-9]+_.*|tax_.*|stock|low_stock_amount|backorders_allowed\?|sold_individually\?|download.*"
    r"|allow_customer_reviews\?|purchase_note|shipping_class|parent|grouped_products|upsells|cross_sells|position"
    r"|button_text|visibility_in_catalog|id|type"
)
_STOCK = {"1": "in_stock", "0": "out_of_stock", "backorder": "backorder"}
_STATUS = {"1": "published", "0": "private", "-1": "draft"}


def _read(fields: Fields) -> Fields:
    given = folded(fields)
    is_variation = "variation" in entries(str(given.get("type", "")).lower())
    number, sku, parent = given.get("id"), take(given, "sku"), given.get("parent")
    name, categories = take(given, "title", "name"), entries(take(given, "categories"))
    texts = {field: _lines(take(given, field)) for field in ("description", "short_description")}
    ours = {
        "id": (parent if is_variation else None) or sku or (f"id:{number}" if number is not None else None),
        "title": None if is_variation else name,
        _VARIATION: name if is_variation else None,
        "category": take(given, "category") or next(iter(categories), None),
        "categories": categories,
        "price": take(given, "price", "regular_price"),
        "image": links(take(given, "image"), take(given, "images")),
        "tags": entries(take(given, "tags")),
        "brand": next(iter(entries(take(given, "brands", "brand"))), None),
        "gtin": [str(code)] if (code := take(given, _GTIN, "gtin")) is not None else None,
        "sku": [str(sku)] if sku is not None else None,
        "availability": _STOCK.get(str(take(given, "in_stock?")).lower()),
        "status": None if is_variation else _STATUS.get(str(given.get("published"))),
        **({} if is_variation else texts),
    }
    given.pop("published", None)
    kept = {field: value for field, value in given.items() if not _INTERNAL.fullmatch(field)}
    return filled({**kept, **_attributes(given), **ours})


def _attributes(given: Fields) -> dict[str, list[str]]:
    """`Attribute 1 name` and `Attribute 1 value(s)`: Color, and "Blue, Green"."""
    numbers = [match[1] for match in map(_ATTRIBUTE.fullmatch, given) if match]
    named = {str(given[f"attribute_{n}_name"]).lower(): given.get(f"attribute_{n}_value(s)") for n in numbers}
    return {name: entries(values) for name, values in named.items() if values is not None}


def _complete(fields: Fields) -> Fields:
    """A product whose parent is not in the feed is called like its first variation."""
    attributes = dict(fields["attributes"])
    variation = attributes.pop(_VARIATION, None)
    return {**fields, "title": fields.get("title") or variation or "", "attributes": attributes}


def _lines(value: Any) -> Any:
    r"""Line breaks are written as `\n`."""
    return value.replace("\\n", "\n") if isinstance(value, str) else value


_VARIATION = "variation title"

WOOCOMMERCE = FeedFormat(
    name="woocommerce",
    title="WooCommerce product export",
    signatures=(
        frozenset({"id", "type", "sku", "name"}),
        frozenset({"sku", "regular_price", "images"}),
        frozenset({"name", "regular_price", "images"}),
    ),
    images=("images", "image"),
    ids=("sku", "id"),
    kinds={
        "description": Kind.HTML,
        "short_description": Kind.HTML,
        "sale_price": Kind.PRICE,
        "brand": Kind.TEXT,
        "status": Kind.TEXT,
    },
    joins={"price": lowest, "sale_price": lowest, "availability": most_available},
    join=collect,
    read=_read,
    complete=_complete,
    note="Ids are the SKUs, or id: and the ID where there is none; a variation belongs to its parent.",
)
