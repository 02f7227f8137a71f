"""Recent answers of this process, so that feedback on them can be checked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

MOST = 2000
"""Answers that are remembered: with nine products each, a megabyte or two."""


class RecentAnswers:
    """The products of the last answers, by the answer's id. For one event loop."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._shown: OrderedDict[str, frozenset[str]] = OrderedDict()

    def add(self, id: str, product_ids: Iterable[str]) -> None:
        """Remember an answer; the oldest is forgotten."""
        self._shown[id] = frozenset(product_ids)
        if len(self._shown) > self._most:
            self._shown.popitem(last=False)

    def lacked(self, id: str, product_id: str) -> bool:
        """Whether an answer is remembered, and the product was not in it. One of another process is never known."""
        shown = self._shown.get(id)
        return shown is not None and product_id not in shown
