"""The best row of each product, out of searches that give rows: grouping is done here.

Milvus before 2.4 has none, and Lite's looks at ten rows a group and then gives up, so one product with many images
would push others out.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from service.stores.milvus.filter_compiler import any_of
from service.stores.store import Hit

WINDOW = 16_384
"""Most rows that a Milvus server returns at once."""

_MOVES = 8
_FIRST_RATE, _MOST_RATE = 2.0, 8.0
_LEARNING = 0.25
_FEW_ROWS = 16


class RowRate:
    """How many rows the searches of a collection have read for a product lately: 1 where each has a single image.

    A row that is read and not needed is most of what a search in Milvus Lite costs, and one too few is another search.
    Threads may share one: at worst a search counts for nothing.
    """

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._rate: float | None = None

    def rows_for(self, products: int) -> int:
        """Rows to ask for, with half as many to spare as there are repeated ones."""
        repeated = (_FIRST_RATE if self._rate is None else self._rate) - 1
        return min(products + math.ceil(1.5 * repeated * products), WINDOW)

    def saw(self, rows: int, products: int) -> None:
        """Rows were read, and the products of them found. A few rows say little about others."""
        if rows >= _FEW_ROWS:
            seen = min(rows / max(products, 1), _MOST_RATE)
            self._rate = seen if self._rate is None else self._rate + _LEARNING * (seen - self._rate)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows that a search found, best first. `full`: there may be more of them.

    `passed` are the keys of rows that no head names and that are left out; `moved` says that such a product has
    other rows now, which this search may have been too early to find.
    """

    found: list[Hit]
    passed: Sequence[str]
    moved: bool
    full: bool


def best_of_each(
    find: Callable[[int, str], Page], expression: str, limit: int, rate: RowRate
) -> tuple[dict[str, Hit], bool]:
    """The best row of each of the best `limit` or more products, and whether `find` has no further rows to give.

    As many rows are requested as `rate` expects to be enough, then for those missing more and more, without the
    products already found and the rows skipped. A product that was written in the middle is looked for again, so that
    it is not missed.
    """
    best: dict[str, Hit] = {}
    passed: set[str] = set()
    rows, growth, moves = rate.rows_for(limit), 2, 0
    while True:
        before = len(best)
        page = find(rows, without(expression, best, passed))
        keep_best(best, page.found)
        rate.saw(len(page.found) + len(page.passed), len(best) - before)
        passed.update(page.passed)
        moves += page.moved
        again = page.moved and moves < _MOVES
        if not page.full and not again:
            return best, True
        if len(best) >= limit and not again:
            return best, False
        if page.full:
            rows = min(growth * max(rate.rows_for(limit - len(best)), _FEW_ROWS), WINDOW)
            growth *= 4


def keep_best(best: dict[str, Hit], found: list[Hit]) -> None:
    """Add rows to the best ones of their products."""
    for hit in found:
        known = best.get(hit.product_id)
        if known is None or hit.score > known.score:
            best[hit.product_id] = hit


def without(expression: str, products: Collection[str], keys: Collection[str] = ()) -> str:
    """The expression for rows that are none of these products' and have none of these keys."""
    parts = [f"({expression})"] if expression else []
    parts += [f"not ({any_of('product_id', list(products))})"] if products else []
    parts += [f"not ({any_of('id', sorted(keys))})"] if keys else []
    return " and ".join(parts) if len(parts) > 1 else parts[0] if parts else ""
