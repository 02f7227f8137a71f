"""Comparisons: what they say about two runs on the same queries."""

from __future__ import annotations

import pytest

from service.lab.comparison import compare
from service.lab.judged import LabQuery
from service.lab.lab_errors import LabError
from service.lab.measures import Scores, evaluate
from tests.unit.service.lab.sets import dataset, run

JUDGED = dataset({f"q{number}": {"a": 1} for number in range(8)})
ANSWERS = {"best": ["a"], "good": ["b", "a"], "bad": ["b", "c", "d", "a"], "none": ["b"]}


def _scores(name: str, *answers: str) -> Scores:
    return evaluate(JUDGED, run({f"q{n}": ANSWERS[answer] for n, answer in enumerate(answers)}, name), ["RR", "R@1"])


BASELINE = _scores("baseline", *["good"] * 8)


def test_wins_and_losses_are_listed_by_size() -> None:
    [found] = compare(BASELINE, [_scores("run", "best", "none", "bad", *["good"] * 4, "best")], ["RR"])
    assert found.wins == ("q0", "q7") and found.losses == ("q1", "q2") and found.ties == ("q3", "q4", "q5", "q6")
    assert found.difference == pytest.approx((0.5 * 2 - 0.5 - 0.25) / 8)
    assert found.low <= found.difference <= found.high
    assert (found.baseline, found.run, found.measure) == ("baseline", "run", "RR")


def test_p_is_corrected_over_everything_that_is_compared() -> None:
    better, same = _scores("better", *["best"] * 8), _scores("same", *["good"] * 8)
    found = compare(BASELINE, [better, same], ["RR", "R@1"])
    assert [(one.run, one.measure) for one in found] == [
        ("better", "RR"),
        ("better", "R@1"),
        ("same", "RR"),
        ("same", "R@1"),
    ]
    assert [one.p for one in found] == pytest.approx([2 / 256, 2 / 256, 1, 1])
    assert [one.p_corrected for one in found] == pytest.approx([8 / 256, 8 / 256, 1, 1])


def test_the_difference_is_that_of_the_totals_under_a_macro_average() -> None:
    queries = [LabQuery(f"q{n}", "text", tags=frozenset({f"c:{'x' if n < 2 else 'y'}"})) for n in range(8)]
    judged = dataset({query.id: {"a": 1} for query in queries}, queries, macro="c")
    before = evaluate(judged, run({f"q{n}": ["b"] for n in range(8)}, "before"), ["R@1"])
    after = evaluate(judged, run({f"q{n}": ["a"] if n < 2 else ["b"] for n in range(8)}, "after"), ["R@1"])
    [found] = compare(before, [after], ["R@1"])
    assert found.difference == pytest.approx(0.5)  # all of one category, nothing of the other
    assert found.low < 0.5 < found.high


def test_runs_on_other_queries_cannot_be_compared() -> None:
    other = evaluate(dataset({"q0": {"a": 1}}), run({"q0": ["a"]}), ["RR"])
    with pytest.raises(LabError, match="not measured on the same queries"):
        compare(BASELINE, [other], ["RR"])
    with pytest.raises(LabError, match="not both measured by AP"):
        compare(BASELINE, [BASELINE], ["AP"])
