"""From the products found to those that are shown: the excluded leave, and each of the others is shown once.

Grouping and collapsing let one product stand for others. What a rule pins must be seen at its place, so that it is the
one that stands for them; of several pinned ones it is the first rule's. What a rule excludes stands for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.product import Product
from service.search.collapse import Collapsed, collapse
from service.search.diversity import Diversity
from service.search.grouping import Grouped, group
from service.search.retrieval_types import Duplicate, Group
from service.search.rules.apply import pinned_ids
from service.search.rules.ruling import Ruling
from service.search.sorting import sort_hits
from service.search.types import SearchRequest
from service.stores.store import Hit, Store
from service.wire.rules import RuleBody


@dataclass(frozen=True, slots=True)
class Selection:
    """`candidates`: all that was looked at, in order of relevance; `hits`: those that are shown, in that order or
    sorted; `ranks`: their places in order of relevance, from 1, by product id; `duplicates` and `groups`: what a
    product stands for, by its id. `diversity` and `ruling`: what is to become of the order of a first page once it is
    reranked; later pages have gone through it.
    """

    candidates: tuple[Hit, ...] = ()
    hits: tuple[Hit, ...] = ()
    ranks: Mapping[str, int] = field(default_factory=dict)
    duplicates: Mapping[str, tuple[Duplicate, ...]] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    diversity: Diversity | None = None
    ruling: Ruling = field(default_factory=Ruling)

    def order(self, hits: Sequence[Hit]) -> list[int]:
        """Positions in `hits`, which come in order of relevance, in the order in which they are shown."""
        varied = self.diversity.order(hits) if self.diversity else list(range(len(hits)))
        products: list[Product] = [hits[place].product for place in varied]
        return [varied[place] for place in self.ruling.order(products)]

    @property
    def final(self) -> list[Hit]:
        """The hits in the order in which they are shown if nothing reranks them."""
        return [self.hits[place] for place in self.order(self.hits)]

    @property
    def keeps_order(self) -> bool:
        """Whether the hits are shown in the order of their relevance."""
        return self.diversity is None and not self.ruling.rules


def select(
    store: Store, found: Sequence[Hit], pinned: Sequence[Hit], rules: tuple[RuleBody, ...], request: SearchRequest
) -> Selection:
    """Of the products found, in order of relevance, and those that rules pin in addition.

    Raises StoreUnavailable: collapsing and diversity read vectors.
    """
    candidates = [*found, *pinned]
    ruling = Ruling.of(rules, candidates)
    admitted = ruling.admitted(candidates)
    grouped, collapsed = _representatives(store, sort_hits(admitted, request.sort), rules, request)
    shown = {hit.product_id for hit in collapsed.hits}
    relevant = [hit for hit in admitted if hit.product_id in shown]
    return Selection(
        tuple(candidates),
        tuple(sort_hits(relevant, request.sort)),
        ranks={hit.product_id: rank for rank, hit in enumerate(relevant, start=1)},
        duplicates=collapsed.hidden,
        groups={id: found for id, found in grouped.groups.items() if id in shown},
        diversity=_diversity(store, relevant, request),
        ruling=ruling,
    )


def _representatives(
    store: Store, hits: Sequence[Hit], rules: Sequence[RuleBody], request: SearchRequest
) -> tuple[Grouped, Collapsed]:
    """Who stands for others: pinned products before others, in the order of their rules."""
    pins = {id: place for place, id in enumerate(pinned_ids(rules))}
    chosen = sorted(hits, key=lambda hit: pins.get(hit.product_id, len(pins)))
    grouped = group(chosen, request.group_by) if request.group_by else Grouped(chosen, {})
    collapsed = collapse(store, grouped.hits, request.collapse) if request.collapse else Collapsed(grouped.hits, {})
    return grouped, collapsed


def _diversity(store: Store, hits: Sequence[Hit], request: SearchRequest) -> Diversity | None:
    if request.diversity is None:
        return None
    rows = store.fetch([hit.id for hit in hits])
    return Diversity(request.diversity.balance, {row.product_id: row.vector for row in rows})
