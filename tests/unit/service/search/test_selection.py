"""What is shown of what was found: each product once, pins visible, and nothing stands for what a rule excludes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.search.retrieval_types import CollapseOptions, DiversityOptions, GroupOptions
from service.search.selection import Selection, select
from service.search.types import SearchRequest
from service.stores.exact.exact_store import ExactStore
from service.stores.store import Hit
from service.wire.rules import RuleBody, RulesBody
from tests.integration.records import INFO, record

Rules = tuple[RuleBody, ...]


def shelf(*styles: str | None) -> tuple[ExactStore, list[Hit]]:
    """Products p0, p1, … in order of relevance; those of one style have the same image, too."""
    store = ExactStore()
    store.ensure(INFO)
    rows = [
        record(f"p{n}", seed=n, attributes={"style": style} if style else {}, image_key=f"image of {style or n}")
        for n, style in enumerate(styles)
    ]
    store.upsert(rows)
    return store, [row.found(1 - n / 100) for n, row in enumerate(rows)]


def rules(*bodies: dict[str, Any]) -> Rules:
    named = [{"name": f"rule {number}", **body} for number, body in enumerate(bodies)]
    return tuple(RulesBody.model_validate({"rules": named}).rules)


def pin(*ids: str, position: int = 1) -> dict[str, Any]:
    return {"pin": [{"product_id": id, "position": position} for id in ids]}


GROUPED = SearchRequest(text="a", group_by=GroupOptions("style", size=50))
COLLAPSED = SearchRequest(text="a", collapse=CollapseOptions())
EITHER = pytest.mark.parametrize("request_", [GROUPED, COLLAPSED], ids=["group_by", "collapse"])


def shown(selection: Selection) -> list[str]:
    return [hit.product_id for hit in selection.final]


def behind(selection: Selection) -> list[str]:
    inside = [member.product.id for one in selection.groups.values() for member in one.members]
    return inside + [one.product_id for several in selection.duplicates.values() for one in several]


@EITHER
def test_a_pinned_product_that_another_one_stood_for_is_shown_once(request_: SearchRequest) -> None:
    """It was shown at its pin and named behind the other one."""
    store, found = shelf("a", "a", "b", "a")
    selection = select(store, found, [], rules(pin("p3", position=2)), request_)
    assert shown(selection) == ["p2", "p3"] and sorted(behind(selection)) == ["p0", "p1"]
    fetched = select(store, found[:3], found[3:], rules(pin("p3", position=2)), request_)
    assert (shown(fetched), sorted(behind(fetched))) == (["p2", "p3"], ["p0", "p1"]), "one that was not found, too"


@EITHER
def test_of_two_pinned_ones_the_first_rules_stands_for_the_other(request_: SearchRequest) -> None:
    store, found = shelf("a", "b", "a")
    selection = select(store, found, [], rules(pin("p2"), pin("p0", position=2)), request_)
    assert shown(selection) == ["p2", "p1"] and behind(selection) == ["p0"]


@EITHER
def test_what_is_excluded_stands_for_nothing_and_nothing_stands_for_it(request_: SearchRequest) -> None:
    """The others disappeared with it."""
    store, found = shelf("a", "a", "b", "b", "a")
    selection = select(store, found, [], rules({"exclude": {"id": {"in": ["p0", "p3"]}}}), request_)
    assert shown(selection) == ["p1", "p2"] and behind(selection) == ["p4"]
    assert selection.ruling.names == ("rule 0",)
    both = select(store, found, [], rules(pin("p0"), {"exclude": {"id": {"eq": "p0"}}}), request_)
    assert both.ruling.names == ("rule 1",), "a rule that only moves what another one excludes has no effect"


_REQUESTS = st.builds(
    SearchRequest,
    text=st.just("a"),
    group_by=st.none() | st.just(GROUPED.group_by),
    collapse=st.none() | st.just(CollapseOptions(threshold=1.0)),
    diversity=st.none() | st.builds(DiversityOptions, st.floats(0, 1)),
)


@given(
    st.lists(st.sampled_from(["a", "b", None]), max_size=12),
    st.lists(st.sampled_from([pin("p1"), pin("p4", position=3), {"last": {"id": {"in": ["p2", "p5"]}}}])),
    st.sampled_from(["", "p2", "p3"]),
    _REQUESTS,
)
def test_any_selection_shows_or_names_every_admitted_product_once(
    styles: list[str | None], bodies: list[Any], gone: str, request_: SearchRequest
) -> None:
    store, found = shelf(*styles)
    chosen = rules(*bodies, *([{"exclude": {"id": {"eq": gone}}}] if gone else []))
    selection = select(store, found, [], chosen, request_)
    everything = shown(selection) + behind(selection)
    assert sorted(everything) == sorted(hit.product_id for hit in found if hit.product_id != gone)
    assert sorted(selection.order(selection.hits)) == list(range(len(selection.hits))), "a permutation"
    assert set(selection.ranks) == set(shown(selection))
    pinned = next((one.pin[0] for one in chosen if one.pin), None)
    if pinned and pinned.product_id in shown(selection) and pinned.position <= len(selection.hits):
        assert shown(selection).index(pinned.product_id) == pinned.position - 1


def test_variety_moves_what_is_alike_back_and_leaves_pins_in_place() -> None:
    store, found = shelf(None, None, None)
    store.upsert([record("p1", seed=0, image_key="p1")])  # as p0
    selection = select(store, found, [], (), SearchRequest(text="a", diversity=DiversityOptions(0.3)))
    assert shown(selection) == ["p0", "p2", "p1"]
    pinned = select(store, found, [], rules(pin("p1")), SearchRequest(text="a", diversity=DiversityOptions(0.3)))
    assert shown(pinned)[0] == "p1"
