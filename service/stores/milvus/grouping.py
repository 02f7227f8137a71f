"""The best row of each product, out of searches that give rows: grouping is done here.

Milvus before 2.4 has none, and Lite's looks at ten rows a group and then gives up, so one product with many images
would push others out.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from service.stores.milvus.filter_compiler import any_of
from service.stores.store import Hit

WINDOW = 16_384
"""Most rows that a Milvus server returns at once."""

_MOVES = 8


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


def best_of_each(find: Callable[[int, str], Page], expression: str, limit: int) -> tuple[dict[str, Hit], bool]:
    """The best row of each of the best `limit` or more products, and whether `find` has no further rows to give.

    Rows are requested in growing numbers, without the products already found and the rows skipped. A product that
    was written in the middle is looked for again, so that it is not missed.
    """
    best: dict[str, Hit] = {}
    passed: set[str] = set()
    rows, moves = min(2 * limit + 16, WINDOW), 0
    while True:
        page = find(rows, without(expression, best, passed))
        keep_best(best, page.found)
        passed.update(page.passed)
        moves += page.moved
        again = page.moved and moves < _MOVES
        if not page.full and not again:
            return best, True
        if len(best) >= limit and not again:
            return best, False
        rows = min(rows * 4, WINDOW) if page.full else rows


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
