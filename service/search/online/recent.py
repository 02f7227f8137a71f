"""Recent answers of this process, so that feedback on them can be checked."""

from __future__ import annotations

from collections.abc import Iterable

from rerank.lru_cache import LruCache

MOST = 2000
"""Answers that are remembered: with nine products each, a megabyte or two."""


class RecentAnswers:
    """The products of the last answers, by the answer's id. For one event loop."""

    def __init__(self, most: int = MOST) -> None:
        self._shown = LruCache[str, frozenset[str]](most)

    def add(self, id: str, product_ids: Iterable[str]) -> None:
        """Remember an answer; the oldest is forgotten."""
        self._shown.put(id, frozenset(product_ids))

    def lacked(self, id: str, product_id: str) -> bool:
        """Whether an answer is remembered, and the product was not in it. One of another process is never known."""
        shown = self._shown.get(id)
        return shown is not None and product_id not in shown
