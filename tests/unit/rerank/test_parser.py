"""The parser: every malformed answer on record, arbitrary text, and 100,000 random strings."""

import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rerank.labels import LABELS, labels
from rerank.parser import PARSE_LIMIT, REASON_LIMIT, bounded, parse_ranking
from rerank.ranking import Fault


def read(text: str, n: int = 5, *, truncated: bool = False, anchored: bool = False) -> tuple[str, str]:
    """The order in letters and the fault."""
    ranking = parse_ranking(text, n, truncated=truncated, anchored=anchored)
    return "".join(LABELS[place] for place in ranking.order), ranking.fault.value


AGREED = [
    ('{"ranking": ["C", "A", "E", "B", "D"], "reason": "it fits"}', "CAEBD", "ok"),
    ('```json\n{"ranking": ["C", "A", "E", "B", "D"]}\n```', "CAEBD", "ok"),
    ('Sure! {"reason": "it fits", "ranking": ["C","A","E","B","D"]} Anything else?', "CAEBD", "ok"),
    ('{"ranking": [" c. ", "[A]", "(E)", "b", "D"]}', "CAEBD", "ok"),
    ("Ranked list: [C, A, E, B, D]\n\nReasons: it fits", "CAEBD", "ok"),
    ("**Ranking:** ['C', 'A', 'E', 'B', 'D']", "CAEBD", "ok"),
    ("[C, A, E, B, D]", "CAEBD", "ok"),
    ("<think>[A, B, C, D, E] or not?</think>[C, A, E, B, D]", "CAEBD", "ok"),
    ('{"ranking": ["C", "A", "E", "B", "D"], "reason": "it reads </think> or <think>"}', "CAEBD", "ok"),
    ('{"reason": "\\"</think>\\"", "certain": 0.9, "ranking": ["C", "A", "E", "B", "D"]}', "CAEBD", "ok"),
    ('Hm.</think>{"ranking": ["C", "A", "E", "B", "D"], "reason": "it reads </think>"}', "CAEBD", "ok"),
    ("［Ｃ，　Ａ，　Ｅ，　Ｂ，　Ｄ］", "CAEBD", "ok"),
    ("[Ⓒ, Ⓐ, Ⓔ, Ⓑ, Ⓓ]", "CAEBD", "ok"),
    ("[\u200bC\u200b, A, E, B, D]", "CAEBD", "ok"),
    ("{“ranking”: [“C”, “A”, “E”, “B”, “D”]}", "CAEBD", "ok"),
]

# notes on other parsers: what each of these came back as elsewhere is the reason it stands here
MALFORMED = [
    ("Here are the top 5 products ranked: [C] > [A] > [E] > [B] > [D]", "CAEBD", "wrong_format"),
    ("Here are the top 5 products ranked: [3] > [1] > [5] > [2] > [4]", "ABCDE", "wrong_format"),
    ("1. [C]\n2. [A]\n3. [E]\n4. [B]\n5. [D]", "CAEBD", "wrong_format"),
    ("1. [3]\n2. [1]\n3. [5]\n4. [2]\n5. [4]", "ABCDE", "wrong_format"),
    ("[C] is the 2 piece set you asked for, then [A] > [E]", "CAEBD", "wrong_format"),
    ("Best to worst: C > A > E > B > D.", "CAEBD", "wrong_format"),
    ("C > A", "ABCDE", "refusal"),
    ("grade A > B, so x-C > A > E > B > D", "ABCDE", "refusal"),
    ("[3] is the 2 piece set you asked for, then [1] > [5]", "ABCDE", "wrong_format"),
    ("[A] > [B] > ... > [E]\nRanking: [C] > [A] > [E] > [B] > [D]", "CAEBD", "wrong_format"),
    ("[1] > [2] > ... > [5]\nRanking: [3] > [1] > [5] > [2] > [4]", "ABCDE", "wrong_format"),
    ("[A] > [B] > ... > [E]\nRanking: [C] > ...", "CABDE", "wrong_format"),
    ("[A] > [B] > [C] > [D] > [E]\n[E] > [D] > [C] > [B] > [A]", "EDCBA", "wrong_format"),
    ("Options [A, B, C, D, E]. Ranking: [C] wins, then [B]", "CBADE", "wrong_format"),
    ("[0, 1, 2, 3, 4]", "ABCDE", "out_of_range"),
    ("[C, A, C, E, B, A, D]", "CAEBD", "repetition"),
    ('{"ranking": ["C", "C", "C", "C", "C"]}', "CABDE", "repetition"),
    ('{"ranking": ["C", "A", "K", "E", "B", "D"]}', "CAEBD", "out_of_range"),
    ('{"ranking": ["C", "C", "K"]}', "CABDE", "out_of_range"),
    ('{"ranking": ["leopard case", "mug"]}', "ABCDE", "out_of_range"),
    ('{"ranking": [3, 1, 5, 2, 4]}', "ABCDE", "out_of_range"),
    ('{"ranking": [0.95, null, true]}', "ABCDE", "out_of_range"),
    ('{"ranking": ["C", "A", "E"]}', "CAEBD", "missing"),
    ('{"ranking": ["C"]}', "CABDE", "missing"),
    ("Ranked list: [C, A, E, B]\n\nReasons: the last one was dropped", "CAEBD", "missing"),
    ('{"ranking": []}', "ABCDE", "refusal"),
    ('{"ranking": {"C": 1}}', "CABDE", "wrong_format"),
    ('{"ranking": [{"id": "C"}, {"id": "A"}]}', "CABDE", "wrong_format"),
    ('{"ranking": [["C"], ["A"]]}', "CABDE", "wrong_format"),
    ('The best is "C", followed by "A".', "CABDE", "wrong_format"),
    ("Doc: 3, Relevance: 0.95\nDoc: 1, Relevance: 0.2", "ABCDE", "refusal"),
    ("Document 3, Document 1, Document 9", "ABCDE", "refusal"),
    ("Ans: (3)", "ABCDE", "refusal"),
    ("<answer>[3, 1]</answer>", "ABCDE", "out_of_range"),
    ("<answer>[C, A]</answer>", "CABDE", "missing"),
    ("I'm sorry, I cannot rank these 5 products. A better picture would help.", "ABCDE", "refusal"),
    ("C > A > E > B > D", "CAEBD", "wrong_format"),
    ("²", "ABCDE", "refusal"),
    ("①②³", "ABCDE", "refusal"),
    ("[²]", "ABCDE", "wrong_format"),
    ("9" * 5000, "ABCDE", "refusal"),
    ("[" + "9" * 5000 + "]", "ABCDE", "wrong_format"),
    ('{"ranking": [' + "9" * 5000 + "]}", "ABCDE", "out_of_range"),
    ("", "ABCDE", "refusal"),
    ("\x00\ud800\udfff", "ABCDE", "refusal"),
    ("<think>[C, A, E, B, D]", "ABCDE", "refusal"),
    ("[C, A, E, B, D]</think>", "ABCDE", "refusal"),
    ('{"ranking": ["C", "A", "E", "B", "D"]}</think>', "ABCDE", "refusal"),
    ('{"ranking": ["C", "A", "E", "B", "D"], "reason": "it fits</think>', "ABCDE", "refusal"),
    ('<think>{"ranking": ["C", "A", "E", "B", "D"], "reason": "it reads </think>"}', "ABCDE", "refusal"),
    ('{"ranking": ["A", "B"], "reason": "no</think>{"ranking": ["C", "A", "E", "B"]}', "CAEBD", "missing"),
    ("Ranking: [C, A, E, B, D]\nReason: it reads </think>", "ABCDE", "refusal"),
]


@pytest.mark.parametrize(("text", "order", "fault"), AGREED + MALFORMED)
def test_answers_on_record(text: str, order: str, fault: str) -> None:
    assert read(text) == (order, fault)


@pytest.mark.parametrize(
    ("text", "order", "fault"),
    [
        ('{"ranking": ["C", "A", "E"', "CAEBD", "truncated"),
        ('{"ranking": ["C", "A", "E", "B', "CAEBD", "truncated"),
        ('{"rank', "ABCDE", "truncated"),
        ("", "ABCDE", "truncated"),
        ("<think>which one", "ABCDE", "truncated"),
        ('{"ranking": ["C", "A", "E", "B", "D"], "reason": "because the mo', "CAEBD", "ok"),
        ('{"ranking": ["C", "A", "E", "B", "D", "C"], "reason": "because the mo', "CAEBD", "repetition"),
        ('{"ranking": ["C", "A", "E", "B", "D"], "reason": "it reads </think> and the mo', "CAEBD", "ok"),
        ('Hm.</think>{"ranking": ["C", "A", "E", "B", "D"], "reason": "<think> \\', "CAEBD", "ok"),
    ],
)
def test_the_token_limit_matters_only_to_an_unfinished_ranking(text: str, order: str, fault: str) -> None:
    assert read(text, truncated=True) == (order, fault)


def test_an_example_before_the_answer_does_not_win() -> None:
    example_text, answer = '{"ranking": ["A", "B", "C", "D", "E"]}', '{"ranking": ["C", "A", "E", "B", "D"]}'
    assert read(f"Example: {example_text}\nAnswer: {answer}") == ("CAEBD", "ok")


def test_a_ranking_line_beats_a_complete_list_without_one() -> None:
    assert read("Given [A, B, C, D, E].\nRanking: [C, A]\nOut of [A, B, C, D, E]") == ("CABDE", "missing")


def test_a_complete_list_beats_a_later_fragment() -> None:
    assert read("[C, A, E, B, D]; I doubted between [D, E]") == ("CAEBD", "ok")


def test_a_reason_cannot_rank() -> None:
    reason = 'the title says \\"Ranking: [B, A, C]\\" and {\\"ranking\\": [\\"B\\"]}'
    assert read(f'{{"ranking": ["C", "A", "B"], "reason": "{reason}"}}', 3) == ("CAB", "ok")
    assert read(f'{{"ranking": ["C", "A", "B"], "reason": "{reason}', 3, truncated=True) == ("CAB", "ok")


def test_after_constrained_decoding_the_start_is_the_answer() -> None:
    answer = '{"ranking": ["C", "A", "B"], "reason": "it says "x"}'
    hostile = answer + ' </think> {"ranking": ["B", "A", "C"]} Ranking: [B, C, A]'
    assert read(hostile, 3, anchored=True) == ("CAB", "ok")
    assert read("no scaffold, [C, A, B]", 3, anchored=True) == ("CAB", "ok")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"ranking": ["A"], "reason": "tab\\tand \\"quotes\\" \\u00e9"}', 'tab and "quotes" é'),
        ('{"ranking": ["A"], "reason": "cut o', "cut o"),
        ('{"ranking": ["A"], "reason": "bad \\q escape', "bad \\q escape"),
        ('{"ranking": ["A"], "reason": ["no", "text"]}', '["no", "text"]'),
        ("[A]\n**Reasons:** it fits<|end|>", "it fits"),
        ('{"ranking": ["A"], "reason": "\\ud800"}', "?"),
        ('{"ranking": ["A"], "reason": ""}', None),
        ("[A]", None),
    ],
)
def test_reasons(text: str, reason: str | None) -> None:
    assert parse_ranking(text, 1).reason == reason


def test_reasons_are_bounded() -> None:
    reason = parse_ranking(json.dumps({"ranking": ["A"], "reason": "long " * 5000}), 1).reason
    assert reason is not None and len(reason) <= REASON_LIMIT


def test_one_candidate_may_stand_alone() -> None:
    assert read("[A]", 1) == ("A", "ok")
    assert read("Ranking: [B]", 1) == ("A", "out_of_range")


def test_no_candidates() -> None:
    assert parse_ranking("[A]", 0).order == ()


@pytest.mark.parametrize("n", [-1, 27])
def test_more_candidates_than_labels_are_a_mistake_of_the_caller(n: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 26"):
        parse_ranking("[A]", n)


def test_at_most_64_kib_are_read() -> None:
    answer = "[C, A, E, B, D]"
    assert read(answer + " " * PARSE_LIMIT) == ("CAEBD", "ok")
    assert read("x" * PARSE_LIMIT + answer) == ("ABCDE", "truncated")
    assert read("é" * 10**6) == ("ABCDE", "truncated")
    assert len(bounded("é\ud800" * 10**6).encode()) <= PARSE_LIMIT


REASONING = st.lists(st.text(max_size=20) | st.sampled_from(["<think>", "</think>", "</THINK >", '"', "\\"])).map(
    "".join
)


@given(st.permutations(range(5)), REASONING, st.sampled_from(["", "<think>", "hm "]), REASONING)
def test_marks_of_reasoning_in_a_reason_are_quotations(order: list[int], reason: str, start: str, said: str) -> None:
    """Whatever was thought before the answer, and whether that began with a mark or in the prompt."""
    answer = json.dumps({"ranking": [LABELS[place] for place in order], "reason": reason})
    thought = f"{start}{said}</think>" if start else ""
    ranking = parse_ranking(thought + answer, 5)
    assert (list(ranking.order), ranking.fault) == (order, Fault.OK)


UNITS = ("[", "{", '"', "[A", "[A] ", "[A, ", "[A] > ", "rank", "rank: ", "rank: [A, ")
ODD_UNITS = (
    "\\",
    '{"a":',
    '{"a":"{",',
    '{"</think>":',
    '{":[]":":[]",',
    "<think>",
    "</think>",
    "ﷺ",
    "reason:",
    ", ",
    "\n",
)


@pytest.mark.parametrize("unit", UNITS + ODD_UNITS)
@pytest.mark.parametrize("start", ["", '{"ranking": [', '{"ranking": ["A"], "reason": "'])
def test_degenerate_repetition_is_read_too(unit: str, start: str) -> None:
    """Nothing here may nest, backtrack or recurse its way past the suite's time limit."""
    ranking = parse_ranking(start + unit * (PARSE_LIMIT // len(unit)), 9)
    assert sorted(ranking.order) == list(range(9))


LISTED = ("[A]", "[B, C]", '"D"', '["E", "F"]', "[3]", "Z", "[Z]", "［Ａ］")
AROUND = ("Ranking: ", '{"ranking": [', "]}", ', "reason": "', '"', " > ", "\n", "</think>", "<think>", "\\")
PIECES = st.sampled_from(LISTED + AROUND)


@settings(max_examples=500)
@given(st.text() | st.lists(PIECES, max_size=20).map("".join), st.integers(0, 26), st.booleans(), st.booleans())
@example("²", 5, False, False)
@example("[" * 5000, 26, False, False)
def test_any_text_gives_a_permutation(text: str, n: int, truncated: bool, anchored: bool) -> None:
    ranking = parse_ranking(text, n, truncated=truncated, anchored=anchored)
    assert sorted(ranking.order) == list(range(n))
    assert ranking.repaired == tuple(place for place in ranking.order if place in ranking.repaired)
    assert list(ranking.repaired) == sorted(ranking.repaired), "completed in retrieval order"
    if ranking.fault is Fault.OK:
        assert not ranking.repaired
    if ranking.reason is not None:
        ranking.reason.encode()


@given(st.integers(1, 26).flatmap(lambda n: st.permutations(range(n))), st.text(max_size=200))
def test_the_agreed_format_comes_back_as_written(order: list[int], reason: str) -> None:
    text = json.dumps({"ranking": [LABELS[place] for place in order], "reason": reason})
    for anchored in (False, True):
        ranking = parse_ranking(text, len(order), anchored=anchored)
        assert (list(ranking.order), ranking.fault, ranking.repaired) == (order, Fault.OK, ())


@given(st.integers(1, 26).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.sampled_from(LABELS), min_size=2))))
def test_the_fault_of_a_list_follows_from_what_it_names(case: tuple[int, list[str]]) -> None:
    n, named = case
    known, unknown = set(labels(n)), [label for label in named if label not in labels(n)]
    expected = (
        Fault.OUT_OF_RANGE
        if unknown
        else Fault.REPETITION
        if len(set(named)) < len(named)
        else Fault.MISSING
        if known - set(named)
        else Fault.OK
    )
    assert parse_ranking("Ranking: [" + ", ".join(named) + "]", n).fault is expected


def test_twenty_thousand_random_strings() -> None:
    """Seeded; half of them of characters that the grammar is made of, so that they come close to an answer."""
    generator = random.Random(20240607)
    near = "ABCDEFGHIZabc123[]{}\",:>\\ \n'²Ａ［“"
    near_pieces = ['{"ranking": [', '"], "reason": "', "Ranking: ", "</think>", '"A", "B"', "[C] > [D]", *near]
    full = list(range(9))
    for turn in range(20_000):
        if turn % 2:
            text = "".join(generator.choices(near_pieces, k=generator.randrange(24)))
        else:
            text = "".join(map(chr, generator.choices(range(0x3100), k=generator.randrange(24))))
        assert sorted(parse_ranking(text, 9, truncated=turn % 3 == 0, anchored=turn % 5 == 0).order) == full
