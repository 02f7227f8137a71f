"""The record of a query: complete, checked, and the same after its file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rerank.degraded import Degraded
from rerank.ranking import Fault
from service.lab.outcomes import QueryOutcome, final_run, retrieval_run

texts = st.text(st.characters(codec="utf-8"))
ids = st.lists(texts.filter(bool), unique=True, max_size=5)


@st.composite
def outcomes(draw: st.DrawFn) -> QueryOutcome:
    found = draw(ids)
    return QueryOutcome(
        query=draw(texts),
        retrieved=tuple((id, draw(st.floats(-1, 1))) for id in found),
        final=tuple(draw(st.permutations(found))),
        fault=draw(st.none() | st.sampled_from(Fault)),
        reranked=len(found),
        repaired=draw(st.integers(0, len(found))),
        degraded=draw(st.none() | st.sampled_from(Degraded)),
        reason=draw(st.none() | texts),
        timings_ms=draw(st.dictionaries(st.sampled_from(["embed", "total"]), st.floats(0, 1e6))),
        prompt_tokens=draw(st.none() | st.integers(0, 10**6)),
    )


@settings(max_examples=50, deadline=None)
@given(outcomes())
def test_an_outcome_survives_its_line(outcome: QueryOutcome) -> None:
    line = outcome.to_json()
    assert "\n" not in line and QueryOutcome.model_validate_json(line) == outcome


@pytest.mark.parametrize(
    "change",
    [
        {"final": ["a"]},
        {"final": ["a", "b", "c"]},
        {"final": ["a", "a"]},
        {"subset": ["a", "a"]},
        {"repaired": 3},
        {"fault": "tired"},
        {"timings_ms": {"total": -1}},
        {"unknown": 1},
    ],
)
def test_an_outcome_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    good = {"query": "q", "retrieved": [["a", 0.5], ["b", 0.4]], "final": ["b", "a"], "reranked": 2}
    assert QueryOutcome.model_validate_json(json.dumps(good)).final == ("b", "a")
    with pytest.raises(ValidationError):
        QueryOutcome.model_validate_json(json.dumps(good | change))


def test_runs_before_and_after_reranking() -> None:
    outcome = QueryOutcome(query="q", retrieved=(("a", 0.5), ("b", 0.4)), final=("b", "a"), subset=("c",))
    assert retrieval_run("r", [outcome]).rankings["q"].documents == ("a", "b")
    final = final_run("f", [outcome])
    assert final.rankings["q"].documents == ("b", "a") and final.subsets["q"].documents == ("c",)
