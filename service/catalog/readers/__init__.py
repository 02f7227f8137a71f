"""Readers of product feeds. The formats are listed in `service.catalog.readers.feed`."""

from service.catalog.readers.columns import Columns
from service.catalog.readers.exported import ExportFeed
from service.catalog.readers.feed import Feed, feed_folder, open_feed, read_feed
from service.catalog.readers.json_lines import MAX_LINE_BYTES
from service.catalog.readers.mapping import parse_columns

__all__ = [
    "MAX_LINE_BYTES",
    "Columns",
    "ExportFeed",
    "Feed",
    "feed_folder",
    "open_feed",
    "parse_columns",
    "read_feed",
]
