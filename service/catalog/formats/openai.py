"""OpenAI's product feed with a product and all its variants per line, as the Agentic Commerce Protocol has it.

Schema: <https://github.com/agentic-commerce-protocol/agentic-commerce-protocol>, `schema.feed.json`. As with Shopify, a
product of ours has all its variants: its price is that of the cheapest one, and options are lists. The older form with
one line per item is read as Google's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from service.catalog.column_types import Kind
from service.catalog.formats.feed_format import FeedFormat, Fields, filled, folded, links, take
from service.catalog.formats.joins import collect, lowest, most_available
from service.catalog.plain_text import plain_text

_WHOLE = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
        *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
    }
)
_THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_EXPONENTS = {**dict.fromkeys(_WHOLE, 0), **dict.fromkeys(_THOUSANDTHS, 3), **dict.fromkeys(("CLF", "UYW"), 4)}
"""Digits of the minor unit of currencies that have not two (ISO 4217, list one)."""

_STATUS = {"limited_stock": "in_stock", "discontinued": "out_of_stock"}


def _read(fields: Fields) -> Fields:
    given = folded(fields)
    variants = _objects(take(given, "variants"))
    prices = _amounts(variants, "price")
    media = [given.pop("media", None), *(variant.get("media") for variant in variants)]
    url, title, description = (
        take(given, name) or next((one[name] for one in variants if one.get(name)), None)
        for name in ("url", "title", "description")
    )
    ours = {
        "title": title,
        "category": given.get("category") or _category(variants),
        "price": min(amount for amount, _ in prices) if prices else take(given, "price"),
        "currency": prices[0][1] if prices else None,
        "compare_at_price": min((amount for amount, _ in _amounts(variants, "list_price")), default=None),
        "image": links(take(given, "image"), *(_images(one) for one in media)),
        "description": _description(description),
        "url": url,
        "availability": _availability(variants),
        "sku": _all(variant.get("id") for variant in variants),
        "gtin": _all(code.get("value") for variant in variants for code in _objects(variant.get("barcodes"))),
        "condition": _all(one for variant in variants for one in _list(variant.get("condition"))),
        "seller": next((str(one["name"]) for one in _sellers(variants) if one.get("name")), None),
    }
    kept = {name: value for name, value in given.items() if not isinstance(value, dict | list)}
    options = {name: value for name, value in _options(variants).items() if name not in ours | kept}
    return filled({**options, **kept, **ours})


def _amounts(variants: Sequence[Fields], name: str) -> list[tuple[float, str]]:
    """Amounts in major units, of those variants whose currency is that of the first one."""
    prices = [one for variant in variants for one in _objects([variant.get(name)]) if _is_amount(one.get("amount"))]
    currencies = [str(one.get("currency", "")).upper() for one in prices]
    found = zip(prices, currencies, strict=True)
    return [
        (one["amount"] / 10 ** _EXPONENTS.get(currency, 2), currency)
        for one, currency in found
        if currency == currencies[0]
    ]


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _options(variants: Sequence[Fields]) -> dict[str, list[str]]:
    """The values of each option, in order: color, size."""
    found: dict[str, list[str]] = {}
    for variant in variants:
        for option in _objects(variant.get("variant_options")):
            values = found.setdefault(str(option.get("name", "")).strip().lower() or "option", [])
            if option.get("value") not in (None, "", *values):
                values.append(str(option["value"]))
    return found


def _category(variants: Sequence[Fields]) -> str | None:
    """The first one that is no number of a taxonomy."""
    values = (one.get("value") for variant in variants for one in _objects(variant.get("categories")))
    return next((one for one in values if isinstance(one, str) and one.strip() and not one.strip().isdecimal()), None)


def _availability(variants: Sequence[Fields]) -> str | None:
    """That of the most available variant."""
    best: str | None = None
    for one in (one for variant in variants for one in _objects([variant.get("availability")])):
        said, status = one.get("available"), str(one.get("status") or "").strip().lower().replace(" ", "_")
        if not status and isinstance(said, bool):
            status = "in_stock" if said else "out_of_stock"
        status = _STATUS.get(status, status)
        if status:
            best = status if best is None else most_available(best, status)
    return best


def _description(value: Any) -> str | None:
    """The plain text of a description, which may be given as HTML or Markdown alone."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else None
    plain, html, markdown = (value.get(name) for name in ("plain", "html", "markdown"))
    if isinstance(plain, str) and plain.strip():
        return plain
    return plain_text(html) if isinstance(html, str) and html.strip() else markdown


def _images(media: Any) -> list[str]:
    """The addresses of images; videos and models are left out."""
    found = [one for one in _objects(media) if str(one.get("type", "image")).lower() == "image"]
    return [str(one["url"]) for one in found if one.get("url")]


def _sellers(variants: Sequence[Fields]) -> Iterator[Fields]:
    for variant in variants:
        yield from _objects([variant.get("seller")])


def _all(values: Iterator[Any]) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value not in (None, "")))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _objects(value: Any) -> list[Fields]:
    """The objects in a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


OPENAI = FeedFormat(
    name="openai",
    title="OpenAI product feed with variants",
    signatures=(frozenset({"id", "variants"}),),
    images=("image", "media"),
    ids=("id",),
    kinds={"compare_at_price": Kind.PRICE, "seller": Kind.TEXT},
    joins={"price": lowest, "compare_at_price": lowest, "availability": most_available},
    join=collect,
    read=_read,
)
