"""Pool bias: how much of a run is judged, and when a comparison is called unfair."""

from __future__ import annotations

import pytest

from service.lab.pool_bias import judged_shares, unfair
from tests.unit.service.lab.sets import dataset, run

POOL = {"q1": {"a": 2, "b": 0, "c": 0}, "q2": {"a": 1, "b": 0, "c": -1}}
DATA = dataset(POOL)
INSIDE = run({"q1": ["b", "c", "x"], "q2": ["c", "b", "y"]}, "inside")
OUTSIDE = run({"q1": ["x", "y", "a"], "q2": ["a", "x", "y"]}, "outside")
MEASURES = ("nDCG@2", "AP", "R@3", "P@2")


def test_the_judged_share_is_counted_at_the_depths_of_the_measures() -> None:
    assert judged_shares(DATA, INSIDE, MEASURES) == {2: 1.0, 3: pytest.approx(2 / 3)}
    assert judged_shares(DATA, OUTSIDE, MEASURES) == {2: 0.25, 3: pytest.approx(1 / 3)}
    assert judged_shares(DATA, OUTSIDE, ("AP", "RR")) == {}


def test_a_configuration_outside_the_pool_is_named_where_it_suffers_most() -> None:
    shares = {one.name: judged_shares(DATA, one, MEASURES) for one in (INSIDE, OUTSIDE)}
    (found,) = unfair(DATA, shares)
    assert (found.name, found.depth, found.best, found.share, found.best_share) == ("outside", 2, "inside", 0.25, 1.0)
    assert "outside: 25% of its first 2 are judged, and 100% of those of inside" in str(found)
    assert unfair(DATA, {"inside": shares["inside"], "same": shares["inside"]}) == ()
    assert unfair(DATA, {"no": {}, "depth": {}}) == ()


def test_where_only_relevant_documents_are_judged_nothing_can_be_said() -> None:
    sparse = dataset({"q1": {"a": 2}, "q2": {"a": 1}})
    shares = {one.name: judged_shares(sparse, one, MEASURES) for one in (INSIDE, OUTSIDE)}
    assert shares["outside"][2] > shares["inside"][2]
    assert unfair(sparse, shares) == ()
