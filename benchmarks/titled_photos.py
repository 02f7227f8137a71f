"""Default reranking on a catalog unlike the training data: `python -m benchmarks.titled_photos FOLDER`.

The catalog is photographs of groceries and clothing with their titles (`starter.training.photos`, without those for
fitting); the questions go to `POST /v1/search` with default settings, and with reranking off. nDCG@9 has the gain
2^grade - 1 (Burges et al. 2005) against the ideal order of the whole catalog. Grades of words: 2 for a title that is
the query, 1 for one that has all its words; of photographs: 2 for the same thing, 1 for the same class of things.
"""

from __future__ import annotations

import argparse
import base64
import csv
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.progress import track

from benchmarks.measures import ndcg
from benchmarks.report import Report, Sheet, Value
from benchmarks.service_process import running_service
from benchmarks.terminal import err
from starter.training.photos import CLOTHING, GROCERY, Photo, read_photos

MUST_COME_FIRST = "granny smith apple"
_TIMEOUT_S = 120.0
_OFF = {"enabled": False}
Row = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Item:
    """A product: its photograph, title and category."""

    photo: Photo
    title: str
    category: str

    @property
    def words(self) -> frozenset[str]:
        """Of its title, in lower case."""
        return frozenset(self.title.lower().split())


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, with the grade that each product has as an answer."""

    task: str
    text: str | None
    image: str | None
    grade: Callable[[Item], int]


def read_items(folder: Path) -> list[Item]:
    """All photographs with titles: "Granny smith apple", "Tropicana apple juice", "Skirt". Raises FileNotFoundError."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        classes = {row["label"]: row["note"].lower() for row in csv.DictReader(file) if row["source"] == GROCERY}
    return [_item(photo, classes.get(photo.label, CLOTHING)) for photo in read_photos(folder)]


def _item(photo: Photo, category: str) -> Item:
    is_named = photo.source == CLOTHING or category in photo.label
    return Item(photo, (photo.label if is_named else f"{photo.label} {category}").capitalize(), category)


def questions(items: list[Item], catalog: list[Item]) -> Iterator[Question]:
    """Titles, pairs of neighboring words of titles, and photographs alone and with the name of their class."""
    titles = sorted({item.title.lower() for item in catalog})
    for title in titles:
        yield Question("whole title", title, None, _by_words(title))
    pairs = {" ".join(words[place : place + 2]) for words in map(str.split, titles) for place in range(len(words) - 1)}
    for pair in sorted(pairs - set(titles)):
        yield Question("two words of a title", pair, None, _by_words(pair))
    for item in items:
        if item.photo.part == "query":
            yield Question("photograph", None, item.photo.image, _by_thing(item))
            yield Question("photograph and class", f"{item.category} like this", item.photo.image, _by_thing(item))


def _by_words(text: str) -> Callable[[Item], int]:
    asked = frozenset(text.split())
    return lambda item: 2 if item.title.lower() == text else int(asked <= item.words)


def _by_thing(asked: Item) -> Callable[[Item], int]:
    return lambda item: 2 if item.title == asked.title else int(item.category == asked.category)


def write_feed(folder: Path, catalog: list[Item], target: Path) -> Path:
    """The catalog as a feed with copies of its images; ids are places in `catalog`."""
    with (target / "photos.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "title", "category", "image"))
        for place, item in enumerate(catalog):
            copy = f"{place}{Path(item.photo.image).suffix}"
            shutil.copyfile(folder / item.photo.image, target / copy)
            writer.writerow((place, item.title, item.category, copy))
    return target / "photos.csv"


def _body(question: Question, folder: Path) -> dict[str, Any]:
    body: dict[str, Any] = {"limit": 9}
    if question.text:
        body["text"] = question.text
    if question.image:
        data = base64.b64encode((folder / question.image).read_bytes()).decode()
        body["image"] = {"data": f"data:image/webp;base64,{data}"}
    return body


def _asked(url: str, body: dict[str, Any], question: Question, catalog: list[Item]) -> tuple[float, float, bool]:
    """nDCG@9, whether a best answer is first, and whether the reranker's order was used."""
    answer = httpx.post(f"{url}/v1/search", json=body, timeout=_TIMEOUT_S).raise_for_status().json()
    everything = [question.grade(item) for item in catalog]
    grades = [everything[int(result["product"]["id"])] for result in answer["results"]]
    return ndcg(grades, everything), float(grades[0] == max(everything)), answer["rerank"]["applied"]


def titled_rows(folder: Path, most: int) -> list[Row]:
    """One row for each kind of question, at most `most` of each kind of photographs; and the one that must be right."""
    items = read_items(folder)
    catalog = [item for item in items if item.photo.part == "gallery"]
    asked: dict[str, list[Question]] = {}
    for question in questions(items, catalog):
        asked.setdefault(question.task, []).append(question)
    kept = {task: _some(found, most) for task, found in asked.items()}
    with tempfile.TemporaryDirectory() as name:
        feed = write_feed(folder, catalog, Path(name))
        with running_service(feed, Path(name) / "data") as service:
            table = [_row(service.url, task, found, folder, catalog) for task, found in kept.items()]
            first = [q for q in kept["whole title"] if q.text == MUST_COME_FIRST]
            return [*table, _row(service.url, MUST_COME_FIRST, first, folder, catalog)]


def _some(found: list[Question], most: int) -> list[Question]:
    """All questions of words, and of those with a photograph every so many."""
    return found if found[0].image is None else found[:: -(-len(found) // most)]


def _row(url: str, task: str, asked: list[Question], folder: Path, catalog: list[Item]) -> Row:
    scores = []
    for question in track(asked, task, console=err):
        body = _body(question, folder)
        plain, reranked = (_asked(url, given, question, catalog) for given in (body | {"rerank": _OFF}, body))
        scores.append((plain[0], reranked[0], plain[1], reranked[1], reranked[2]))
    names = ("nDCG@9 without", "nDCG@9 default", "R@1 without", "R@1 default", "reranked")
    return {"task": task, "queries": len(asked), **dict(zip(names, map(float, np.mean(scores, axis=0)), strict=True))}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Default reranking on photographs with titles.")
    parser.add_argument("folder", type=Path, help="photographs with labels.csv")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--most", type=int, default=60, help="questions of each kind that have a photograph")
    options = parser.parse_args()
    found = titled_rows(options.folder, options.most)
    shares = dict.fromkeys(list(found[0])[2:], ".3f")
    Report([Sheet("Photographs with titles, as served", found, shares)]).show(as_json=options.json)


if __name__ == "__main__":
    main()
