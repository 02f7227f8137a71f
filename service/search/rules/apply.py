"""What rules do to an order: a pure function from ranked products to the places that remain, in their new order.

The result is a permutation of the products less the excluded ones, whatever the rules say:

1. `exclude` takes products out, pinned ones too.
2. `boost` and `bury` sort by place · (bury weights) / (boost weights), places counted from 1, so that they hold for any
   ranking, with scores or without. Equal ones keep their order.
3. `last` moves products behind all others.
4. `pin` puts products at their places, even those that 3 moved. Of two pins for one place, or of one product, the first
   rule's counts; the second product gets the next free place. A place behind the end is the end.
"""

from __future__ import annotations

from collections.abc import Sequence

from service.product import Product
from service.stores.filter_evaluation import matches
from service.wire.rules import RuleBody


def apply(rules: Sequence[RuleBody], ranked: Sequence[Product]) -> list[int]:
    """Positions in `ranked`, in the order that the rules make of it."""
    kept = [place for place, product in enumerate(ranked) if not is_excluded(rules, product)]
    weights = {place: _weight(rules, product) for place, product in enumerate(ranked)}
    kept.sort(key=lambda place: ((place + 1) * weights[place], place))
    kept.sort(key=lambda place: any(rule.last and matches(rule.last, ranked[place]) for rule in rules))
    return _pinned(kept, _slots(rules, {ranked[place].id: place for place in reversed(kept)}))


def is_excluded(rules: Sequence[RuleBody], product: Product) -> bool:
    """Whether a rule leaves a product out."""
    return any(rule.exclude is not None and matches(rule.exclude, product) for rule in rules)


def moving(rules: Sequence[RuleBody], product: Product) -> tuple[str, ...]:
    """The names of the rules that boost, bury, pin or put back a product."""
    return tuple(rule.name for rule in rules if _moves(rule, product))


def pinned_ids(rules: Sequence[RuleBody]) -> list[str]:
    """The products that rules pin, each once."""
    return list(dict.fromkeys(pin.product_id for rule in rules for pin in rule.pin or ()))


def only_exclusions(rules: Sequence[RuleBody]) -> tuple[RuleBody, ...]:
    """What is left of rules where the order is given by something else."""
    none = dict.fromkeys(("boost", "bury", "last", "pin"))
    return tuple(rule.model_copy(update=none) for rule in rules if rule.exclude is not None)


def _moves(rule: RuleBody, product: Product) -> bool:
    filters = [part.filter for part in (rule.boost, rule.bury) if part] + [part for part in (rule.last,) if part]
    is_pinned = any(pin.product_id == product.id for pin in rule.pin or ())
    return is_pinned or any(matches(filter, product) for filter in filters)


def _weight(rules: Sequence[RuleBody], product: Product) -> float:
    """What a product's place is multiplied by."""
    weight = 1.0
    for rule in rules:
        if rule.boost and matches(rule.boost.filter, product):
            weight /= rule.boost.weight
        if rule.bury and matches(rule.bury.filter, product):
            weight *= rule.bury.weight
    return weight


def _slots(rules: Sequence[RuleBody], places: dict[str, int]) -> dict[int, int]:
    """Places from 0 that are taken by pins, and by which of the products. `places`: those that there are, by id."""
    slots: dict[int, int] = {}
    free = dict(places)
    for pin in (pin for rule in rules for pin in rule.pin or ()):
        if (place := free.pop(pin.product_id, None)) is None:
            continue
        slot = pin.position - 1
        while slot in slots:
            slot += 1
        slots[slot] = place
    return slots


def _pinned(order: Sequence[int], slots: dict[int, int]) -> list[int]:
    """The order with the pinned at their slots; those behind the end follow in the order of their slots."""
    taken = set(slots.values())
    others = iter([place for place in order if place not in taken])
    waiting = sorted(slots)
    result: list[int] = []
    for other in others:
        while waiting and waiting[0] == len(result):
            result.append(slots[waiting.pop(0)])
        result.append(other)
    return result + [slots[slot] for slot in waiting]
