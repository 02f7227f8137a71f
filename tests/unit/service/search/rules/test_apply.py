"""Rules on a ranking: always a permutation of the candidates less the excluded, with the pins in place."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.product import Product
from service.search.rules.apply import apply, moving, only_exclusions, pinned_ids
from service.stores.filter_evaluation import matches
from service.wire.rules import RulesBody

_COLORS = ("red", "blue", "green")
_IDS = tuple(f"p{number}" for number in range(12))


def product(id: str, color: str | None = None, price: float | None = None) -> Product:
    attributes: dict[str, Any] = {} if color is None else {"color": color}
    return Product.model_construct(id=id, title=id, category=None, price=price, attributes=attributes, image_key="")


def rules(*bodies: dict[str, Any]) -> RulesBody:
    named = [{"name": f"rule {number}", **body} for number, body in enumerate(bodies)]
    return RulesBody.model_validate({"rules": named})


def of_color(color: str) -> dict[str, Any]:
    return {"attributes": {"color": {"eq": color}}}


_FILTERS = st.sampled_from([*map(of_color, _COLORS), {"price": {"lt": 5}}, {"id": {"in": ["p1", "p2"]}}])
_WEIGHTED = st.fixed_dictionaries({"filter": _FILTERS, "weight": st.floats(1.01, 1000)})
_PINS = st.lists(
    st.fixed_dictionaries({"product_id": st.sampled_from(_IDS), "position": st.integers(1, 15)}), min_size=1, max_size=5
)
_RULES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={"boost": _WEIGHTED, "bury": _WEIGHTED, "last": _FILTERS, "pin": _PINS, "exclude": _FILTERS},
    ).filter(bool),
    max_size=5,
)
_RANKED = st.lists(
    st.builds(product, st.sampled_from(_IDS), st.none() | st.sampled_from(_COLORS), st.none() | st.floats(0, 10)),
    unique_by=lambda one: one.id,
    max_size=12,
)


@given(_RULES, _RANKED)
def test_any_rules_on_any_ranking_are_a_permutation_less_the_excluded_with_the_pins_in_place(
    bodies: list[dict[str, Any]], ranked: list[Product]
) -> None:
    chosen = rules(*bodies).rules
    order = apply(chosen, ranked)
    left_out = {
        place for place, one in enumerate(ranked) if any(rule.exclude and matches(rule.exclude, one) for rule in chosen)
    }
    assert sorted(order) == [place for place in range(len(ranked)) if place not in left_out]
    result = [ranked[place].id for place in order]
    first: dict[str, int] = {}
    for pin in (pin for rule in chosen for pin in rule.pin or ()):
        first.setdefault(pin.product_id, pin.position)
    present = {id: position for id, position in first.items() if id in result}
    positions = list(present.values())
    for id, position in present.items():
        if len(set(positions)) == len(positions) and max(positions) <= len(result):
            assert result.index(id) == position - 1, "pins that do not compete are where they were put"
    others = [place for place in order if ranked[place].id not in present]
    is_last = [any(rule.last and matches(rule.last, ranked[place]) for rule in chosen) for place in others]
    assert is_last == sorted(is_last), "nothing follows what is last but what is last and pins"


@given(_RANKED)
def test_without_rules_nothing_moves(ranked: list[Product]) -> None:
    assert apply((), ranked) == list(range(len(ranked)))


def order(ranked: list[Product], *bodies: dict[str, Any]) -> str:
    return " ".join(ranked[place].id for place in apply(rules(*bodies).rules, ranked))


def shelf(red: tuple[int, ...] = ()) -> list[Product]:
    return [product(str(place), "red" if place in red else "blue") for place in range(1, 7)]


def test_a_weight_of_two_halves_or_doubles_a_place() -> None:
    assert order(shelf(red=(6,)), {"boost": {"filter": of_color("red"), "weight": 2}}) == "1 2 3 6 4 5"
    assert order(shelf(red=(2,)), {"bury": {"filter": of_color("red"), "weight": 2}}) == "1 3 2 4 5 6"
    assert order(shelf(red=(6,)), *[{"boost": {"filter": of_color("red"), "weight": 3}}] * 2) == "6 1 2 3 4 5"


def test_last_follows_everything_but_pins_and_an_exclusion_wins_over_a_pin() -> None:
    last = {"last": of_color("red")}
    assert order(shelf(red=(1, 3)), last) == "2 4 5 6 1 3"
    assert order(shelf(red=(1, 3)), last, {"pin": [{"product_id": "3", "position": 2}]}) == "2 3 4 5 6 1"
    pinned = {"pin": [{"product_id": "3", "position": 1}]}
    assert order(shelf(red=(3,)), pinned, {"exclude": of_color("red")}) == "1 2 4 5 6"


def test_of_two_pins_for_one_place_the_first_counts_and_one_behind_the_end_is_at_the_end() -> None:
    first, second = ({"pin": [{"product_id": id, "position": 1}]} for id in "65")
    assert order(shelf(), first, second) == "6 5 1 2 3 4"
    assert order(shelf(), {"pin": [{"product_id": "1", "position": 40}]}) == "2 3 4 5 6 1"
    assert order(shelf(), {"pin": [{"product_id": "unknown", "position": 1}]}) == "1 2 3 4 5 6"


def test_what_moved_a_product_is_named() -> None:
    chosen = rules({"boost": {"filter": of_color("red")}}, {"pin": [{"product_id": "1", "position": 2}]}).rules
    assert moving(chosen, product("1", "red")) == ("rule 0", "rule 1")
    assert moving(chosen, product("2", "blue")) == ()
    assert pinned_ids(chosen) == ["1"] and only_exclusions(chosen) == ()
