"""The published feed formats that are read as they are."""

from __future__ import annotations

from collections.abc import Iterable

from service.catalog.formats.feed_format import PLAIN, FeedFormat
from service.catalog.formats.google import GOOGLE
from service.catalog.formats.openai import OPENAI
from service.catalog.formats.shopify import SHOPIFY
from service.catalog.formats.woocommerce import WOOCOMMERCE
from service.errors import FeedError

FORMATS: dict[str, FeedFormat] = {one.name: one for one in (GOOGLE, OPENAI, SHOPIFY, WOOCOMMERCE, PLAIN)}


def format_named(name: str) -> FeedFormat:
    """A format by its name. Raises FeedError."""
    if name not in FORMATS:
        raise FeedError(f"There is no feed format {name[:40]!r}. Use one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def detect(names: Iterable[str]) -> FeedFormat:
    """The format of a feed with these columns; `PLAIN` if it is in none of the published ones."""
    listed = list(names)
    return next((one for one in FORMATS.values() if one.matches(listed)), PLAIN)
