"""Deleting all products that match a filter, a batch at a time, so that other work gets its turn in between.

Deleting is idempotent: a run that ended early, or at its bound, is resumed by beginning again. Each batch is read
again right before it is deleted: a product that was changed meanwhile, and no longer matches, stays. Images
stay for `withthis gc`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from service.catalog.listing import LISTED, product_page
from service.errors import FilterError
from service.stores.filter_evaluation import matches
from service.stores.filters import Filter
from service.stores.revisions import head_id
from service.stores.store import Store

MOST_DELETED = 10_000
MOST_COUNTED = 100_000
"""Products that one run deletes, or counts if it is dry, at most."""

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
    _after: str | None = ""
    _listed: list[str] = field(default_factory=list)

    def step(self) -> bool:
        """Deal with the next batch; False at the end of the run. Raises StoreUnavailable."""
        if not self._listed:
            self._list()
        batch = self._listed[:_BATCH]
        del self._listed[:_BATCH]
        self.matched += len(batch) if self.dry_run else self._delete(batch)
        self.complete = self._after is None and not self._listed
        return not self.complete and self.matched < self.most

    @property
    def most(self) -> int:
        """The bound of the run."""
        return MOST_COUNTED if self.dry_run else MOST_DELETED

    def _list(self) -> None:
        limit = min(LISTED, self.most - self.matched)
        found, self._after = product_page(self.store, after=self._after or "", limit=limit, filter=self.filter)
        self._listed = [product.id for product in found]

    def _delete(self, listed: Sequence[str]) -> int:
        """Delete those of these products that still match; how many these are."""
        heads = self.store.fetch([head_id(id) for id in listed]) if listed else []
        ids = [head.product_id for head in heads if self.filter is None or matches(self.filter, head.product)]
        if ids:
            self.delete(ids)
        return len(ids)


def with_condition(filter: Filter) -> Filter:
    """The filter. Raises FilterError if it has no condition: forgetting it must not delete everything."""
    if not filter.model_fields_set:
        raise FilterError(EMPTY)
    return filter
