"""How queries and products are cut into words, and which fields of a product count."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from service.product import Product

_WORDS = re.compile(r"\w+")
STOP_WORDS = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not"),
        *("of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was"),
        *("will", "with"),
    )
)
"""The English stop words of Lucene's StopAnalyzer. Few titles have them, so that BM25 would take them for telling."""


def words(text: str) -> list[str]:
    """Runs of letters and digits of a text in Unicode form KC, case-folded: `Größe XL!` has `grösse` and `xl`."""
    return _WORDS.findall(unicodedata.normalize("NFKC", text).casefold())


def query_words(text: str) -> list[str]:
    """The different words of a query, in their order; stop words only where there are no others."""
    found = list(dict.fromkeys(words(text)))
    return [word for word in found if word not in STOP_WORDS] or found


def product_words(product: Product, fields: Sequence[str]) -> list[str]:
    """The words of the given fields: `id`, `title`, `category`, or the names of attributes."""
    return [word for text in _texts(product, fields) for word in words(text)]


def _texts(product: Product, fields: Sequence[str]) -> Iterator[str]:
    for field in fields:
        own = {"id": product.id, "title": product.title, "category": product.category}
        value = own[field] if field in own else product.attributes.get(field)
        yield from (str(item) for item in (value if isinstance(value, list) else [value]) if item not in (None, ""))
