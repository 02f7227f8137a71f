"""Tokenization of queries and products, and the fields of a product that count."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from service.product import Product

_WORDS = re.compile(r"\w+")
STOP_WORDS = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not"),
        *("of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was"),
        *("will", "with"),
    )
)
"""The English stop words of Lucene's StopAnalyzer. Few titles have them, so BM25 would consider them significant."""

_IRREGULAR = {
    **{"men": "man", "women": "woman", "children": "child", "feet": "foot", "scarves": "scarf", "knives": "knife"},
    **{"shelves": "shelf", "mice": "mouse", "leaves": "leaf", "wolves": "wolf", "tomatoes": "tomato"},
    **{"potatoes": "potato", "buses": "bus", "geese": "goose", "teeth": "tooth"},
}


def words(text: str) -> list[str]:
    """Runs of letters and digits of a text in Unicode form KC, case-folded: `Größe XL!` has `grösse` and `xl`."""
    return _WORDS.findall(unicodedata.normalize("NFKC", text).casefold())


def singular(word: str) -> str:
    """An English word without the ending of its plural; other words may become non-words."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith(("ie", "ies")):  # "hoodies" and "berries" look alike: both end in y
        return f"{word.rpartition('ie')[0]}y"
    if len(word) < 4 or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    return word[:-2] if word.endswith(("ches", "shes", "xes", "sses")) else word[:-1]


def has_phrase(words: Sequence[str], phrase: Sequence[str]) -> bool:
    """Whether the words of a phrase stand among others, one behind the other; those of an empty one do not."""
    starts = range(len(words) - len(phrase) + 1)
    return bool(phrase) and any(tuple(words[start : start + len(phrase)]) == tuple(phrase) for start in starts)


def query_words(text: str) -> list[str]:
    """The different words of a query, singular, in their order; stop words only where there are no others."""
    found = list(dict.fromkeys(words(text)))
    return list(dict.fromkeys(singular(word) for word in found if word not in STOP_WORDS)) or found


def product_words(product: Product, fields: Sequence[str]) -> list[str]:
    """The words of the given fields, singular: `id`, `title`, `category`, or the names of attributes."""
    return [singular(word) for text in _texts(product, fields) for word in words(text)]


def lesser_words(product: Product, fields: Sequence[str], weights: Mapping[str, float]) -> dict[str, float]:
    """The words of `product_words` that count for less than 1, each with the highest weight of the fields that have it.
    `weights`: of fields, from 0 to 1; those that are not named have 1.
    """
    best: dict[str, float] = {}
    for field in fields if weights else ():
        weight = weights.get(field, 1.0)
        best |= {word: max(weight, best.get(word, 0.0)) for word in product_words(product, [field])}
    return {word: weight for word, weight in best.items() if weight < 1}


def _texts(product: Product, fields: Sequence[str]) -> Iterator[str]:
    for field in fields:
        own = {"id": product.id, "title": product.title, "category": product.category}
        value = own[field] if field in own else product.attributes.get(field)
        yield from (str(item) for item in (value if isinstance(value, list) else [value]) if item not in (None, ""))
