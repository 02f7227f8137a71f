"""LaSCo: COCO 2014 images with sentences made from VQA 2.0 (Levy et al., AAAI 2024).

Layout of github.com/levymsn/LaSCo, files as downloaded and the images of COCO 2014 next to them:

    lasco_val.json        lasco_val_corpus.json        val2014/COCO_val2014_….jpg
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from pydantic import Field

from service.lab.dataset_rows import Id, OfficialRow, Place, json_rows, require_folder
from service.lab.datasets.assembly import Assembly
from service.lab.judged import DataSet, LabDocument, LabQuery, Protocol

_NOTE = "Every query searches the validation corpus; the query's own image stays in the ranking."


class _Image(OfficialRow):
    id: Id
    path: str


class _Triplet(OfficialRow):
    qid: Id
    image: tuple[Id, str] = Field(alias="query-image")
    text: str = Field(alias="query-text")
    target: tuple[Id, str] = Field(alias="target-image")


def read(path: Path, *, images: Path | None = None, check_images: bool = True) -> DataSet:
    """Read the validation split. `images`: the folder that holds `val2014`, from `path`; None: `path` itself."""
    root = path / "downloads" if (path / "downloads").is_dir() else require_folder(path)
    found = Assembly("lasco-val", require_folder(path / (images or "")))
    for place, image in json_rows(root / "lasco_val_corpus.json", _Image):
        ref = found.images.ref(_in_coco(image.path), place)
        found.add_document(LabDocument(image.id, image=ref), place)
    for place, row in json_rows(root / "lasco_val.json", _Triplet):
        _add_query(found, row, place)
    protocol = Protocol(("R@1", "R@5", "R@10", "R@50"), depth=50, note=_NOTE)
    return found.finish(protocol, check_images=check_images)


def _in_coco(name: str) -> str:
    """The path relative to COCO's own folder: the corpus writes `val/val2014/NAME`, the queries `val2014/NAME`."""
    return str(PurePosixPath(*PurePosixPath(name).parts[-2:]))


def _add_query(found: Assembly, row: _Triplet, place: Place) -> None:
    # The id is that of a VQA question; should a question have led to two targets, both are queries.
    id = row.qid if row.qid not in found.queries else f"{row.qid}-{row.target[0]}"
    found.add_query(LabQuery(id, row.text, found.images.ref(_in_coco(row.image[1]), place)), place)
    found.judge(id, row.target[0], 1, place)
