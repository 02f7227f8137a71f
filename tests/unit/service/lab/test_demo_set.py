"""The demo shop as a judged set."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from service.lab import demo
from service.lab.demo import PROTOCOL, TASKS, Ware, Wish, demo_data
from service.lab.judged import LabDocument
from service.lab.lab_errors import DataSetError
from service.lab.measures import parse
from starter.artwork import motif_names

COLUMNS = ("id", "title", "category", "colour", "price", "image")


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """The feed of a shop with six motifs, four products each; its images are not looked at."""
    names = list(motif_names().values())[:6]
    kinds = (("mug", "red"), ("mug", "blue"), ("cap", "red"), ("poster", "green"))
    path = tmp_path / "products.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, (name, (kind, colour)) in enumerate((name, ware) for name in names for ware in kinds):
            writer.writerow([f"P{number}", f"{name.capitalize()} {kind}, {colour}", kind, colour, "9.90", "a.jpg"])
    return path


@pytest.mark.parametrize(
    ("ware", "colour", "grade"),
    [
        (("leopard", "mug", "red"), None, 7),
        (("leopard", "mug", "red"), "red", 7),
        (("leopard", "mug", "red"), "blue", 3),
        (("leopard", "cap", "red"), "red", 1),
        (("rose", "mug", "red"), "red", 1),
        (("rose", "cap", "red"), "red", 0),
    ],
)
def test_grades(ware: tuple[str, str, str], colour: str | None, grade: int) -> None:
    assert Wish("leopard", "mug", colour).grade(Ware(LabDocument("a"), *ware)) == grade


def test_every_query_has_a_target_that_is_not_excluded(
    feed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_draw", lambda *_: None)
    data = demo_data(feed, tmp_path / "queries", queries=300, seed=3)
    judgments = data.require_judgments()
    assert len(data.queries) == 300
    assert {tag for query in data.queries.values() for tag in query.tags} == {f"task:{task}" for task in TASKS}
    for id, query in data.queries.items():
        assert max(grade for document, grade in judgments[id].items() if document not in query.excluded) == 7
        assert query.text is not None and query.image is not None
    for measure in PROTOCOL.measures:
        parse(measure)


def test_the_same_seed_gives_the_same_set(feed: Path, tmp_path: Path) -> None:
    drawn = (("a", 1), ("b", 1), ("c", 2))
    one, same, other = (demo_data(feed, tmp_path / name, queries=6, seed=seed) for name, seed in drawn)
    assert one.judgments == same.judgments != other.judgments
    first, again = (data.queries["q0003"].image for data in (one, same))
    assert first is not None and again is not None
    assert first.path != again.path and first.read() == again.read()


def test_another_feed_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text(",".join(COLUMNS) + '\nP1,"A thing, red",thing,red,3,a.jpg\n')
    with pytest.raises(DataSetError, match="line 2"):
        demo_data(path, tmp_path, queries=1)
    with pytest.raises(DataSetError):
        demo_data(tmp_path / "nothing.csv", tmp_path, queries=1)
