"""Records of CSV files: every well-formed file comes back, and a stray quote costs its own line alone."""

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.catalog.readers import csv_records
from service.catalog.readers.csv_records import CsvRecords, Layout

LAYOUT = Layout(width=3, image=2, one_line=frozenset({0, 2}))
NASTY = st.text(st.sampled_from('ab ,;"\n\r'), max_size=12)
TITLES = st.lists(NASTY, min_size=1, max_size=8)
USUAL_TITLES = st.lists(st.just("") | NASTY.map(lambda text: f"A{text}"), min_size=1, max_size=8)
ORDERS = st.permutations(range(3))
QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])


def read(text: str, layout: Layout = LAYOUT) -> list[tuple[int, list[str] | None]]:
    records = CsvRecords(io.StringIO(text, newline=""), ",")
    records.expect(layout)
    return list(records)


def written(rows: Sequence[Sequence[str]], quoting: int = csv.QUOTE_MINIMAL) -> list[str]:
    """Each row as the csv module writes it."""
    texts = []
    for row in rows:
        out = io.StringIO(newline="")
        csv.writer(out, quoting=quoting).writerow(row)  # type: ignore[arg-type]
        texts.append(out.getvalue())
    return texts


def arranged(titles: Sequence[str], order: Sequence[int]) -> tuple[list[list[str]], Layout]:
    """Rows of an id, a title and an image, in some order of the columns."""
    rows = [[[f"p{number}", title, f"{number}.jpg"][place] for place in order] for number, title in enumerate(titles)]
    id, image = order.index(0), order.index(2)
    return rows, Layout(3, image, frozenset({id, image}))


@settings(deadline=None)
@given(TITLES, ORDERS, QUOTING)
def test_every_well_formed_file_comes_back(titles: list[str], order: list[int], quoting: int) -> None:
    rows, layout = arranged(titles, order)
    assert [cells for _, cells in read("".join(written(rows, quoting)), layout)] == rows


@settings(deadline=None)
@given(USUAL_TITLES, ORDERS, QUOTING, st.data())
def test_one_stray_quote_costs_only_the_record_it_stands_in(
    titles: list[str], order: list[int], quoting: int, data: st.DataObject
) -> None:
    rows, layout = arranged(titles, order)
    texts = written(rows, quoting)
    hurt = data.draw(st.integers(0, len(texts) - 1))
    place = data.draw(st.integers(0, len(texts[hurt].rstrip("\r\n"))))
    damaged = [*texts]
    damaged[hurt] = texts[hurt][:place] + '"' + texts[hurt][place:]
    first = 1 + sum(len(text.splitlines(keepends=True)) for text in texts[:hurt])
    behind = first + len(io.StringIO(damaged[hurt], newline="").readlines())
    found = read("".join(damaged), layout)
    assert [cells for line, cells in found if line < first] == rows[:hurt]
    assert [cells for line, cells in found if line >= behind] == rows[hurt + 1 :]


def twenty(*strays: tuple[int, str]) -> str:
    lines = [f"{number},Monitor {number},{number}.jpg" for number in range(1, 21)]
    for number, line in strays:
        lines[number - 1] = line
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "strays",
    [
        [(4, '4,"Monitor 24 inch,d.jpg')],
        [(4, '4,"Monitor 24 inch,d.jpg'), (14, '14,"Monitor 27 inch,n.jpg')],
        [(20, '20,"Monitor 24 inch,d.jpg')],
        [(4, '4,Monitor,"d.jpg')],
        [(4, '"4,Monitor,d.jpg'), (9, '9,", large",i.jpg')],
        [(4, '4,Monitor 24 inch,d.jpg"'), (5, '5,"Monitor,e.jpg')],
    ],
)
def test_only_lines_with_a_stray_quote_are_lost(strays: list[tuple[int, str]]) -> None:
    found = dict(read(twenty(*strays)))
    assert sorted(found) == list(range(1, 21))
    bad = [line for line, cells in found.items() if cells is None]
    assert set(bad) <= {number for number, _ in strays} and bad


def test_two_stray_quotes_that_close_one_another_take_in_no_line() -> None:
    """Together they are a well-formed field of eleven lines; but the lines are records by themselves."""
    found = dict(read(twenty((4, '4,"Monitor 24 inch,d.jpg'), (14, '14,Monitor 24",n.jpg'))))
    assert sorted(found) == list(range(1, 21)) and found[4] is None
    assert found[14] == ["14", 'Monitor 24"', "n.jpg"]
    assert dict(read('4,",d.jpg\n5,",e.jpg\n')) == {1: None, 2: None}


def test_descriptions_may_hold_line_breaks_commas_and_quotes() -> None:
    text = 'first, line\n\n"two", and, three\nlast'
    [row] = written([["1", text, "a.jpg"]])
    assert read(row + "2,b,b.jpg\n") == [(1, ["1", text, "a.jpg"]), (5, ["2", "b", "b.jpg"])]


def test_a_line_without_end_is_not_held_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "MAX_RECORD_CHARS", 100)
    opened = '3,"' + "x" * 40 + "\n" + "y" * 40 + "\n" + "z" * 40 + "\n"
    assert read("1,a," + "x" * 1000 + "\n2,b,b.jpg\n" + opened + "4,d,d.jpg\n") == [
        (1, None),
        (2, ["2", "b", "b.jpg"]),
        (3, None),
        (4, ["y" * 40]),
        (5, ["z" * 40]),
        (6, ["4", "d", "d.jpg"]),
    ]
