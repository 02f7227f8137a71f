"""Agreement against independent implementations: scikit-learn's kappa, and alpha by its definition and its example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from service.lab.judging.agreement import between, cautions, in_words, overall
from service.lab.judging.coefficients import RESAMPLES, alpha, coincidences, estimate
from service.lab.judging.judges import Judge
from service.lab.judging.merging import merged
from service.lab.judging.notes import Note
from service.lab.judging.scale import SCALE, Point

Grades = Mapping[tuple[str, str], int]
Places = NDArray[np.int64]
LEVELS = [point.grade for point in SCALE]
QUERIES, DOCUMENTS = 12, 5
PAIRS = [(f"q{query}", f"d{document}") for query in range(QUERIES) for document in range(DOCUMENTS)]


def judge(name: str, grades: Grades, model: str | None = None, seen: Sequence[tuple[str, str]] = ()) -> Judge:
    """A judge with a note on each grade."""
    notes = {
        ids: Note(query=ids[0], document=ids[1], grade=grade, model=model, seen="other" if ids in seen else None)
        for ids, grade in grades.items()
    }
    return Judge(name, grades, notes)


def scripted(seed: int, share_right: float) -> tuple[Grades, Grades]:
    """A person's grades, and those of a good judge: the same for a share of the pairs, and at random else."""
    random = np.random.default_rng(seed)
    person = {ids: int(random.choice(LEVELS)) for ids in PAIRS}
    good = {
        ids: grade if random.random() < share_right else int(random.choice(LEVELS)) for ids, grade in person.items()
    }
    return person, good


def resampled_places(seed: int, resamples: int) -> list[Places]:
    """The places in `PAIRS` of every resample of the queries."""
    drawn = np.random.default_rng(seed).integers(0, QUERIES, size=(resamples, QUERIES))
    return [(row[:, None] * DOCUMENTS + np.arange(DOCUMENTS)).ravel() for row in drawn]


def by_hand(one: Places, other: Places, *, quadratic: bool) -> float:
    """Cohen's kappa from the grades themselves, without a table."""

    def apart(some: Places, others: Places) -> float:
        return float(((some - others) ** 2 if quadratic else some != others).mean())

    return 1 - apart(one, other) / apart(one[:, None], other[None, :])


def alpha_by_definition(units: Sequence[Sequence[int]], levels: Sequence[int], ordinal: bool) -> float:
    """Krippendorff's alpha as the mean difference within units over that between all values, value by value."""
    pairable = [unit for unit in units if len(unit) > 1]
    values = [value for unit in pairable for value in unit]
    sizes = {level: values.count(level) for level in levels}

    def apart(one: int, other: int) -> float:
        if not ordinal:
            return float(one != other)
        low, high = sorted((one, other))
        between_them = sum(sizes[level] for level in levels if low <= level <= high)
        return (between_them - (sizes[low] + sizes[high]) / 2) ** 2

    within = sum(apart(*two) / (len(unit) - 1) for unit in pairable for two in permutations(unit, 2)) / len(values)
    overall_ = sum(apart(*two) for two in permutations(values, 2)) / (len(values) * (len(values) - 1))
    return 1 - within / overall_


@pytest.mark.parametrize("share_right", [0.85, 0.0])
def test_agreement_with_a_scripted_judge_and_its_interval_equal_the_reference(share_right: float) -> None:
    person, scripted_grades = scripted(3, share_right)
    found = between(judge("anna", person), judge("vlm", scripted_grades, "tiny"), SCALE, seed=7)
    one, other = (np.array([grades[ids] for ids in PAIRS]) for grades in (person, scripted_grades))
    assert found.pairs == len(PAIRS) and found.queries == QUERIES
    assert found.same == pytest.approx((one == other).mean())
    resamples = resampled_places(7, RESAMPLES)
    for coefficient, weights in ((found.kappa, None), (found.weighted_kappa, "quadratic")):
        assert coefficient.value == pytest.approx(cohen_kappa_score(one, other, weights=weights), abs=1e-6)
    plain = [by_hand(one[places], other[places], quadratic=False) for places in resamples]
    squared = [by_hand(one[places], other[places], quadratic=True) for places in resamples]
    for coefficient, values in ((found.kappa, plain), (found.weighted_kappa, squared)):
        assert (coefficient.low, coefficient.high) == pytest.approx(np.quantile(values, (0.025, 0.975)), abs=1e-6)
    units = list(zip(one.tolist(), other.tolist(), strict=True))
    assert found.alpha.value == pytest.approx(alpha_by_definition(units, LEVELS, ordinal=True), abs=1e-6)


@pytest.mark.parametrize("ordinal", [False, True])
def test_the_interval_of_alpha_equals_the_reference(ordinal: bool) -> None:
    random = np.random.default_rng(5)
    graded = [[int(grade) for grade in random.choice(4, size=random.integers(1, 5))] for _ in PAIRS]
    numbers = np.array([np.bincount(unit, minlength=4) for unit in graded], dtype=np.float64)
    by_query = np.array([coincidences(rows) for rows in numbers.reshape(QUERIES, DOCUMENTS, 4)])
    found = estimate(by_query, partial(alpha, ordinal=ordinal), seed=7, resamples=12)
    assert found.value == pytest.approx(alpha_by_definition(graded, range(4), ordinal), abs=1e-6)
    again = [[graded[place] for place in places] for places in resampled_places(7, 12)]
    values = [alpha_by_definition(units, range(4), ordinal) for units in again]
    assert (found.low, found.high) == pytest.approx(np.quantile(values, (0.025, 0.975)), abs=1e-6)


def test_alpha_of_the_published_example() -> None:
    """Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, example C: four observers, values missing."""
    rows = ("1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .")
    scale = [Point(grade, str(grade), "") for grade in range(1, 6)]
    judges = [
        judge(
            f"observer{number}",
            {(f"q{unit}", "d"): int(value) for unit, value in enumerate(row.split()) if value != "."},
        )
        for number, row in enumerate(rows)
    ]
    found = overall(judges, scale, seed=0)
    assert found.pairs == 11  # one of the twelve has a single value
    assert found.nominal.value == pytest.approx(0.743, abs=5e-4)
    assert found.ordinal.value == pytest.approx(0.815, abs=5e-4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=4), max_size=8), st.booleans())
def test_alpha_is_what_its_definition_says(units: list[list[int]], ordinal: bool) -> None:
    numbers = np.array([np.bincount(unit, minlength=4) for unit in units], dtype=np.float64).reshape(-1, 4)
    found = float(alpha(coincidences(numbers), ordinal=ordinal))
    if len({value for unit in units if len(unit) > 1 for value in unit}) < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(alpha_by_definition(units, range(4), ordinal), abs=1e-9)


def test_words_for_a_model_that_guesses_and_for_one_that_is_good() -> None:
    person, guessed = scripted(3, 0.0)
    said = " ".join(in_words(between(judge("anna", person), judge("vlm", guessed, "tiny"), SCALE, seed=7)))
    assert "anna and vlm hardly agree more than by chance" in said
    assert "The grades of vlm, a model, are too far from those of anna to stand alone" in said
    _, good = scripted(3, 0.95)
    assert in_words(between(judge("vlm", good, "tiny"), judge("anna", person), SCALE, seed=7)) == []
    constant = in_words(between(judge("anna", person), judge("vlm", dict.fromkeys(PAIRS, 1), "tiny"), SCALE, seed=7))
    assert "hardly agree more than by chance" in constant[0]
    two_people = between(judge("anna", person), judge("bert", guessed), SCALE, seed=7)
    assert len(in_words(two_people)) == 1


def test_what_cannot_be_told_is_said() -> None:
    person, _ = scripted(3, 0.0)
    nothing = between(judge("anna", person), judge("bert", {}), SCALE, seed=7)
    assert (nothing.pairs, nothing.same, nothing.kappa.value) == (0, None, None)
    assert "nothing is known" in in_words(nothing)[0]
    alike = dict.fromkeys(PAIRS, 2)
    same = between(judge("anna", alike), judge("bert", alike), SCALE, seed=7)
    assert (same.same, same.kappa.value, same.alpha.low) == (1.0, None, None)
    assert "one grade to everything" in in_words(same)[0]
    few = {ids: grade for ids, grade in person.items() if ids[0] == "q1"}
    one_query = between(judge("anna", few), judge("bert", few), SCALE, seed=7)
    assert (one_query.kappa.value, one_query.kappa.low) == (1.0, None)
    assert "too few to tell" in in_words(one_query)[0]


def test_grades_given_with_anothers_in_view_do_not_count() -> None:
    person, guessed = scripted(3, 0.0)
    anna = judge("anna", person, seen=PAIRS[:40])
    found = between(anna, judge("vlm", guessed, "tiny"), SCALE, seed=7)
    assert (found.pairs, found.queries) == (20, 4)
    both = [anna, judge("vlm", guessed, "tiny")]
    few, shown = cautions(both, overall(both, SCALE, seed=7))
    assert few.startswith("Only 4 queries") and shown.startswith("40 grades of anna were given with another judge's")
    assert "No person has judged" in cautions([judge("vlm", guessed, "tiny")], overall([], SCALE, seed=7))[0]


def test_merging_takes_the_median_or_the_most_frequent_and_the_lower_of_equals() -> None:
    a, b, c = ("q", "a"), ("q", "b"), ("r", "c")
    anna, bert, cleo = judge("anna", {a: 0, b: 3}), judge("bert", {a: 3, b: 1}), judge("cleo", {a: 3})
    vlm = judge("vlm", {a: 0, b: 0, c: 2}, "tiny")
    assert merged([vlm, anna, bert, cleo], "median") == {"q": {"a": 3, "b": 1}, "r": {"c": 2}}
    assert merged([anna, bert, vlm], "majority") == {"q": {"a": 0, "b": 1}, "r": {"c": 2}}
    assert merged([vlm, judge("other", {c: 0}, "small")], "median")["r"] == {"c": 0}
