"""The corpus of malformed answers follows from its seed, and both ways of reading it do what they are said to do."""

from __future__ import annotations

import pytest

from benchmarks.malformed import SHAPES, Case, corpus
from benchmarks.parser import SHARE, complete, completed, measure, ours, scrape
from rerank.labels import labels

SIZES = (2, 9, 26)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(corpus(seed=3, repeats=2, sizes=SIZES))


def test_the_corpus_follows_from_its_seed(cases: list[Case]) -> None:
    nine = [case for case in cases if case.n == 9]
    assert nine == list(corpus(seed=3, repeats=2, sizes=(9,)))
    assert nine != list(corpus(seed=4, repeats=2, sizes=(9,)))
    assert {case.kind for case in cases} == {*SHAPES, "cut off"}
    assert {case.n for case in cases} == set(SIZES)


def test_every_wanted_order_is_complete_and_what_both_forms_say(cases: list[Case]) -> None:
    for case in cases:
        for order in case.letters.wanted | case.numbers.wanted:
            assert sorted(order) == list(range(case.n)), case
        if case.kind != "cut off":  # which is not cut at the same label
            assert case.letters.wanted == case.numbers.wanted


def test_an_answer_is_cut_off_at_every_length(cases: list[Case]) -> None:
    lengths = [len(case.letters.text) for case in cases if case.kind == "cut off" and case.n == 9]
    assert lengths == list(range(len(lengths))) and len(lengths) > 60
    last = [case for case in cases if case.kind == "cut off"][-1]
    assert last.letters.wanted == last.numbers.wanted and len(last.letters.wanted) == 1


def test_ours_is_always_complete_and_right_where_the_format_is_kept(cases: list[Case]) -> None:
    assert complete(ours, [(case.letters, case.n) for case in cases]) == 1.0
    for case in cases:
        if case.kind in {"as agreed", "in a code fence", "members missing", "members repeated", "cut off"}:
            assert ours(case.letters, case.n) in case.letters.wanted, case


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("[3] > [1] > [5] > [2] > [4]", "CAEBD"),
        ("Here are the top 5: [3] > [1]", "ECA"),
        ("[3] is the 2 piece set, then [1]", "CBA"),
        ("[3] > [3] > [9] > [0]", "C"),
        ("３", "C"),
        ("none", ""),
    ],
)
def test_scraping_takes_every_number(text: str, order: str) -> None:
    assert "".join(labels(5)[place] for place in scrape(text, 5)) == order


@pytest.mark.parametrize("text", ["3 m²", "9" * 5000])
def test_scraping_fails_on_digits_that_are_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="int"):
        scrape(text, 5)


def test_the_table_has_all_kinds_and_their_mean(cases: list[Case]) -> None:
    [sheet] = measure(repeats=1, rounds=1, sizes=(5,)).sheets
    assert len(sheet.rows) == len(SHAPES) + 2
    assert sheet.rows[-1]["complete: ours"] == 1.0 and SHARE in sheet.formats.values()
    answered = [(case.numbers, case.n) for case in cases if case.kind == "superscripts"]
    assert complete(completed, answered) == 0.0
