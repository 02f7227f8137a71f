"""BEIR-style folders (Thakur et al., NeurIPS 2021):

    corpus.jsonl {"_id", "title", "text"}        queries.jsonl {"_id", "text"}
    qrels/{train,dev,test}.tsv with the header `query-id corpus-id score`

Rows may also have `image`, a path inside the folder; BEIR's own sets have none.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from service.lab.dataset_image import ImageRef
from service.lab.dataset_rows import Id, OfficialRow, Place, jsonl_rows, require_folder
from service.lab.datasets.assembly import Assembly
from service.lab.judged import DESCRIPTION, DataSet, LabDocument, LabQuery, Protocol
from service.lab.trec import qrels_rows
from service.product import AttributeValue

_NOTE = "As in BEIR, a document with the query's own id is removed from the ranking."


class _Text(OfficialRow):
    id: Id = Field(alias="_id")
    title: str = ""
    text: str | None = None
    image: str | None = None


def read(path: Path, *, split: str = "test", check_images: bool = True) -> DataSet:
    """Read the queries that `qrels/{split}.tsv` judges."""
    judged = list(qrels_rows(require_folder(path) / "qrels" / f"{split}.tsv"))
    found = Assembly(f"{path.resolve().name}-{split}", path)
    for place, row in jsonl_rows(path / "corpus.jsonl", _Text):
        image = _image(found, row, place)
        found.add_document(LabDocument(row.id, row.title, image, attributes=_passage(row)), place)
    wanted = {query for _, query, _, _ in judged}
    for place, row in jsonl_rows(path / "queries.jsonl", _Text):
        if row.id in wanted:
            own = frozenset({row.id} & found.documents.keys())
            found.add_query(LabQuery(row.id, row.text, _image(found, row, place), excluded=own), place)
    for place, query, document, grade in judged:
        found.judge(query, document, grade, place)
    protocol = Protocol(("nDCG@10", "AP@100", "R@100"), depth=100, note=_NOTE)
    return found.finish(protocol, check_images=check_images)


def _passage(row: _Text) -> dict[str, AttributeValue]:
    """BEIR embeds the title and the text."""
    return {DESCRIPTION: row.text} if row.text else {}


def _image(found: Assembly, row: _Text, place: Place) -> ImageRef | None:
    return found.images.ref(row.image, place) if row.image else None
