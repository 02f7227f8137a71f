"""Facets of a search: over all products that match, where the store can list them, else over the best of them.

Which products match does not depend on the query's embedding, unless a least similarity is asked for. So many searches
have the same counts, and these are kept until the catalog changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass

from rerank.lru_cache import LruCache
from service.product import Product
from service.search.facets import count_facets
from service.search.retrieval_types import FacetOptions, Facets
from service.search.rules.apply import is_excluded, only_exclusions
from service.stores.filters import Filter
from service.stores.store import Store
from service.wire.rules import RuleBody

_KEPT = 256


@dataclass(frozen=True, slots=True)
class Matching:
    """Which products match: those that pass `filter`, are not among `unwanted`, and are excluded by no rule."""

    filter: Filter | None
    unwanted: Collection[str] = frozenset()
    rules: tuple[RuleBody, ...] = ()

    def having(self, products: Sequence[Product]) -> list[Product]:
        """Those of products that pass the filter."""
        rules = only_exclusions(self.rules)
        return [one for one in products if one.id not in self.unwanted and not is_excluded(rules, one)]

    @property
    def key(self) -> Hashable:
        """The same for all that match the same products."""
        parts = [rule.exclude for rule in only_exclusions(self.rules)]
        filters = (None if part is None else part.model_dump_json(exclude_unset=True) for part in (self.filter, *parts))
        return tuple(filters), frozenset(self.unwanted)


class FacetCounter:
    """Counts facets. Thread-safe."""

    def __init__(self, store: Store, *, most: int, state: Callable[[], Hashable]) -> None:
        """`most`: products that are listed to be counted, 0 for none; `state`: another one whenever the catalog has
        changed.
        """
        self._store = store
        self._most = most
        self._state = state
        self._kept = LruCache[Hashable, tuple[Facets | None]](_KEPT)

    def count(self, facets: Sequence[FacetOptions], matching: Matching) -> Facets | None:
        """Over all products that match; None if they are too many to be listed. Raises StoreUnavailable."""
        if not self._most:
            return None
        key = (self._state(), tuple(facets), matching.key)
        known = self._kept.get(key)
        if known is None:
            known = (self._counted(facets, matching),)
            self._kept.put(key, known)
        return known[0]

    def _counted(self, facets: Sequence[FacetOptions], matching: Matching) -> Facets | None:
        products = self._store.matching(matching.filter, most=self._most)
        return None if products is None else facets_of(matching.having(products), facets, complete=True)


def facets_of(products: Sequence[Product], facets: Sequence[FacetOptions], *, complete: bool) -> Facets:
    """Counts over these products; `complete`: no others match."""
    return Facets(len(products), complete, count_facets(products, facets))
