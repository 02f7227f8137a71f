"""Shopify's product export, in its older and its newer names (<https://help.shopify.com/en/manual/products/import-export>).

The first line of a product has its fields; further lines of the same handle bring variants and images. A product of
ours is one of Shopify: its price is that of the cheapest variant, its SKUs, barcodes and options are lists. What only
the shop itself should know, such as `Cost per item`, is left out.
"""

from __future__ import annotations

import re
from typing import Any

from service.catalog.column_types import Kind
from service.catalog.formats.feed_format import FeedFormat, Fields, entries, filled, folded, links, take
from service.catalog.formats.joins import collect, lowest, most_available
from service.product import AttributeValue

_OPTIONS = ("option1", "option2", "option3")
_INTERNAL = re.compile(
    r"variant_(?!image).*|cost_per_item|charge_tax|tax_code|unit_price_.*|inventory_.*|continue_selling_.*|weight_.*"
    r"|requires_shipping|fulfillment_service|image_position|image_alt_text|option[123]_linked_to|(?:included|price"
    r"|compare_at_price)_/_.*|google_shopping_/_.*|gift_card|seo_.*"
)


def _read(fields: Fields) -> Fields:
    given = folded(fields)
    price, sku = take(given, "price", "variant_price"), take(given, "variant_sku", "sku")
    options = {name: take(given, f"{name}_value") for name in _OPTIONS}
    has_variant = price is not None or sku is not None or any(options.values())
    barcode = take(given, "variant_barcode", "barcode")
    ours = {
        "id": take(given, "id", "handle", "url_handle"),
        "title": take(given, "title"),
        "category": take(given, "category") or given.get("type") or given.get("product_category"),
        "price": price,
        "image": links(*(take(given, name) for name in ("image", *IMAGES, "variant_image", "variant_image_url"))),
        "description": take(given, "body_(html)", "description"),
        "brand": take(given, "vendor", "brand"),
        "tags": entries(take(given, "tags")),
        "compare_at_price": take(given, "variant_compare_at_price", "compare_at_price"),
        "sku": [_unguarded(sku)] if sku is not None else None,
        "gtin": [_unguarded(barcode)] if barcode is not None else None,
        "availability": _availability(given) if has_variant else None,
        **{name: [value] if value is not None else None for name, value in options.items()},
        **{f"{name}_name": take(given, f"{name}_name") for name in _OPTIONS},
    }
    return filled({**{name: value for name, value in given.items() if not _INTERNAL.fullmatch(name)}, **ours})


def _complete(fields: Fields) -> Fields:
    """Options under their own names, which only the first line of a product has."""
    attributes: dict[str, AttributeValue] = dict(fields["attributes"])
    for option in _OPTIONS:
        name, values = attributes.pop(f"{option}_name", None), attributes.pop(option, None)
        if values is not None and values != ["Default Title"]:
            own = str(name or option).lower()
            attributes[own if own not in attributes and own not in fields else f"{option} {own}"] = values
    return {**fields, "attributes": attributes}


def _unguarded(value: Any) -> str:
    """Without the apostrophe that keeps Excel from making a number of a barcode."""
    return str(value).removeprefix("'")


def _availability(given: Fields) -> str:
    """By the stock of a variant, as Shopify decides: what is not tracked, or sold beyond the stock, is available."""
    tracked = given.get("variant_inventory_tracker") or given.get("inventory_tracker")
    stock = given.get("variant_inventory_qty", given.get("inventory_quantity"))
    policy = str(given.get("variant_inventory_policy") or given.get("continue_selling_when_out_of_stock")).lower()
    if not tracked or stock is None or policy in ("continue", "true"):
        return "in_stock"
    return "in_stock" if re.fullmatch(r"0*[1-9][0-9]*", str(stock)) else "out_of_stock"


IMAGES = ("image_src", "product_image_url")

SHOPIFY = FeedFormat(
    name="shopify",
    title="Shopify product export",
    signatures=(
        frozenset({"handle", "variant_price"}),
        frozenset({"handle", "image_src"}),
        frozenset({"handle", "body_(html)"}),
        frozenset({"url_handle", "title"}),
    ),
    images=(*IMAGES, "image"),
    ids=("id", "handle", "url_handle"),
    kinds={"description": Kind.HTML, "compare_at_price": Kind.PRICE, "brand": Kind.TEXT, "type": Kind.TEXT},
    joins={
        "price": lowest,
        "compare_at_price": lowest,
        "availability": most_available,
    },
    join=collect,
    read=_read,
    complete=_complete,
)
