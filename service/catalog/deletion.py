"""Deleting all products that match a filter, a batch at a time, so that other work gets its turn in between.

Deleting is idempotent: a run that ended early, or at its bound, is resumed by beginning again. Each batch is read right
before it is deleted. Images stay for `withthis gc`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.catalog.listing import product_page
from service.errors import FilterError
from service.stores.filters import Filter
from service.stores.store import Store

MOST_DELETED = 10_000
MOST_COUNTED = 100_000
"""Products that one run deletes, or counts if it is dry, at most. On Milvus Lite, 10,000 take a few seconds."""

_BATCH = 256
EMPTY = (
    "The filter has no condition, and would match every product. Give it one; DELETE /v1/products, or `withthis delete "
    "--all`, deletes all products."
)


@dataclass(slots=True)
class Deletion:
    """A run; `filter` None matches all products. `delete` takes the ids of a batch; a `dry_run` only counts.

    `matched` counts the products so far; `complete`: there are no more.
    """

    store: Store
    delete: Callable[[Sequence[str]], object]
    filter: Filter | None
    dry_run: bool
    matched: int = 0
    complete: bool = False
    _after: str = ""

    def step(self) -> bool:
        """Deal with the next batch; False at the end of the run. Raises StoreUnavailable."""
        room = self.most - self.matched
        found, after = product_page(self.store, after=self._after, limit=min(_BATCH, room), filter=self.filter)
        if found and not self.dry_run:
            self.delete([product.id for product in found])
        self.matched += len(found)
        self.complete, self._after = after is None, after or ""
        return not self.complete and self.matched < self.most

    @property
    def most(self) -> int:
        """The bound of the run."""
        return MOST_COUNTED if self.dry_run else MOST_DELETED


def with_condition(filter: Filter) -> Filter:
    """The filter. Raises FilterError if it has no condition: forgetting it must not delete everything."""
    if not filter.model_fields_set:
        raise FilterError(EMPTY)
    return filter
