"""The rules of one search, with the products that they pin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.product import Product
from service.search.rules.apply import apply, is_excluded, moving
from service.stores.store import Hit
from service.wire.rules import RuleBody


@dataclass(frozen=True, slots=True)
class Ruling:
    """`rules`: those of this search. `names`: of those that exclude, move or pin one of its products."""

    rules: tuple[RuleBody, ...] = ()
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, rules: tuple[RuleBody, ...], hits: Sequence[Hit]) -> Ruling:
        """Of active rules and all candidates, pinned and excluded ones too."""
        products = [hit.product for hit in hits]
        admitted = [product for product in products if not is_excluded(rules, product)]
        names = [rule.name for rule in rules if _excludes(rule, products) or _moves(rule, admitted)]
        return cls(rules, tuple(names))

    def admitted(self, hits: Sequence[Hit]) -> list[Hit]:
        """The hits without the excluded ones."""
        return [hit for hit in hits if not is_excluded(self.rules, hit.product)]

    def order(self, products: Sequence[Product]) -> list[int]:
        """Positions in `products` in final order; see `service.search.rules.apply`."""
        return apply(self.rules, products) if self.rules else list(range(len(products)))

    def moving(self, product: Product) -> tuple[str, ...]:
        """The rules that boost, bury, pin or put back a product."""
        return moving(self.rules, product)


def _excludes(rule: RuleBody, products: Sequence[Product]) -> bool:
    return any(is_excluded([rule], product) for product in products)


def _moves(rule: RuleBody, products: Sequence[Product]) -> bool:
    return any(moving([rule], product) for product in products)
