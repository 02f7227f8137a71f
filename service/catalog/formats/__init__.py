"""Published feed formats: Google Merchant and OpenAI, Shopify, WooCommerce."""

from service.catalog.formats.feed_format import PLAIN, FeedFormat
from service.catalog.formats.registry import FORMATS, detect, format_named

__all__ = ["FORMATS", "PLAIN", "FeedFormat", "detect", "format_named"]
