"""The product data of Google Merchant Center, and OpenAI's product feed with a line per item, which follows it.

Specifications: <https://support.google.com/merchants/answer/7052112>, <https://developers.openai.com/commerce/specs/feed>.
Names may have blanks for underscores, and the prefix `g:`. Every line is a product of its own; variants share
`item_group_id`.
"""

from __future__ import annotations

from typing import Any

from service.catalog.column_types import Kind
from service.catalog.formats.feed_format import FeedFormat, Fields, filled, folded, links, take

_AVAILABILITY = {
    "instock": "in_stock",
    "outofstock": "out_of_stock",
    "pre_order": "preorder",
    "backordered": "backorder",
}
_TEXTS = ("item_group_id", "gtin", "mpn", "brand", "google_product_category")


def _read(fields: Fields) -> Fields:
    given = folded(fields)
    group = take(given, "item_group_id", "group_id")
    id, image = take(given, "id", "item_id"), take(given, "image")
    images = [take(given, name) for name in ("image_link", "image_url", "image_links", "image_urls")]
    more = [take(given, name) for name in ("additional_image_link", "additional_image_links", "additional_image_urls")]
    category = given.get("category") or _category(given)
    ours = {
        "id": id,
        "image": links(image, *images, *more),
        "category": category,
        "item_group_id": group,
        "availability": availability(take(given, "availability")),
    }
    others = {name: _text(value) for name, value in given.items()}
    single = {name: _first(others[name]) for name in _TEXTS if name in others}
    return filled({**others, **single, **ours})


def availability(value: Any) -> str | None:
    """`in stock`, `In_Stock` and schema.org's `https://schema.org/InStock` as `in_stock`."""
    if not isinstance(value, str):
        return None
    name = value.strip().rpartition("/")[2].lower().replace(" ", "_").replace("-", "_")
    return _AVAILABILITY.get(name, name) or None


def _category(given: Fields) -> str | None:
    """The shop's own category before that of Google's taxonomy, of which a number says nothing to a reader."""
    for name in ("product_type", "product_category", "google_product_category"):
        first = _first(given.get(name))
        if isinstance(first, str) and not first.strip().isdecimal():
            return first
    return None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _text(value: Any) -> Any:
    """An element with parts, such as a product's `shipping` in XML, in the form that a table has: `US::5 USD`."""
    if isinstance(value, dict):
        return ":".join(str(part) for part in value.values())
    return [_text(one) for one in value] if isinstance(value, list) else value


GOOGLE = FeedFormat(
    name="google",
    title="Google Merchant or OpenAI product feed",
    signatures=(frozenset({"image_link"}), frozenset({"item_id", "image_url"}), frozenset({"additional_image_link"})),
    images=("image_link", "image_url", "image"),
    ids=("id", "item_id"),
    kinds={
        "description": Kind.HTML,
        "sale_price": Kind.PRICE,
        **dict.fromkeys(_TEXTS, Kind.TEXT),
    },
    read=_read,
)
