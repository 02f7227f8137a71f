"""Our own format: a folder of JSON Lines files, for judged queries on one's own catalog:

    documents.jsonl  {"id", "title", "image", "category", "price", "attributes"}
    queries.jsonl    {"id", "text", "image", "filter", "excluded", "topic", "tags"}
    judgments.jsonl  {"query", "document", "grade"}          or judgments.qrels in TREC format

Images are paths inside the folder. Only ids are always needed; a query needs a text or an image. With `judged:
false` the judgments are left alone, and need not be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from service.errors import FilterError
from service.lab.dataset_rows import Id, OwnRow, Place, jsonl_rows, require_folder
from service.lab.datasets.assembly import Assembly
from service.lab.grades import MAX_GRADE
from service.lab.judged import DataSet, LabDocument, LabQuery, Protocol
from service.lab.trec import qrels_rows
from service.product import AttributeMap, CategoryText, IdText, Price, TitleText
from service.stores.filters import Filter, parse_filter

_MEASURES = ("nDCG@10", "RR", "AP", "R@1", "R@10")
_Tag = Annotated[str, StringConstraints(pattern=r"^[^:\s]+:.+$", max_length=200)]


class _Document(OwnRow):
    id: IdText
    title: TitleText = ""
    image: str | None = None
    category: CategoryText | None = None
    price: Price | None = None
    attributes: AttributeMap = Field(default_factory=dict)


class _Query(OwnRow):
    id: Id
    text: str | None = Field(default=None, min_length=1)
    image: str | None = None
    filter: dict[str, object] | None = None
    excluded: tuple[Id, ...] = ()
    topic: Id | None = None
    tags: frozenset[_Tag] = frozenset()


class _Judgment(OwnRow):
    query: Id
    document: Id
    grade: Annotated[int, Field(ge=-MAX_GRADE, le=MAX_GRADE, strict=True)]


def read(path: Path, *, judged: bool = True, check_images: bool = True) -> DataSet:
    """Read the folder. Raises DataSetError."""
    found = Assembly(require_folder(path).resolve().name, path)
    for place, row in jsonl_rows(path / "documents.jsonl", _Document):
        found.add_document(_document(found, row, place), place)
    for place, query in jsonl_rows(path / "queries.jsonl", _Query):
        found.add_query(_query(found, query, place), place)
    for place, name, document, grade in _judgments(path) if judged else ():
        found.judge(name, document, grade, place)
    protocol = Protocol(_MEASURES, depth=100, unjudged=not judged)
    return found.finish(protocol, judged=judged, check_images=check_images)


def _document(found: Assembly, row: _Document, place: Place) -> LabDocument:
    image = found.images.ref(row.image, place) if row.image else None
    return LabDocument(row.id, row.title, image, row.category, row.price, row.attributes)


def _query(found: Assembly, row: _Query, place: Place) -> LabQuery:
    image = found.images.ref(row.image, place) if row.image else None
    excluded = frozenset(found.document(id, "the excluded document", place).id for id in row.excluded)
    return LabQuery(row.id, row.text, image, _filter(row, place), excluded, topic=row.topic, tags=row.tags)


def _filter(row: _Query, place: Place) -> Filter | None:
    try:
        return None if row.filter is None else parse_filter(row.filter)
    except FilterError as error:
        raise place.error(error.detail.rstrip(".")) from error


def _judgments(path: Path) -> Iterator[tuple[Place, str, str, int]]:
    qrels = path / "judgments.qrels"
    if qrels.is_file():
        yield from qrels_rows(qrels)
        return
    for place, row in jsonl_rows(path / "judgments.jsonl", _Judgment):
        yield place, row.query, row.document, row.grade
