"""CIRCO: COCO images with several ground truths for each query (Baldrati et al., ICCV 2023).

Layout of github.com/miccunifi/CIRCO:

    annotations/{val,test}.json
    COCO2017_unlabeled/annotations/image_info_unlabeled2017.json        COCO2017_unlabeled/unlabeled2017/NAME.jpg
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from service.lab.dataset_rows import Id, OfficialRow, Place, checked, json_rows, read_json, require_folder
from service.lab.datasets.assembly import Assembly
from service.lab.judged import DataSet, LabDocument, LabQuery, Protocol

TARGET, OTHER = 2, 1
"""Grades: the image that the sentence was written for, and the further ground truths."""

_MEASURES = ("mAP@5", "mAP@10", "mAP@25", "mAP@50")
_NOTE = (
    "mAP@k divides by min(ground truths, k). The reference stays in the ranking, as in SEARLE. The first target has "
    "grade 2, so R(rel=2)@k is the papers' recall on the single target."
)


class _CocoImage(OfficialRow):
    id: Id
    file_name: str


class _Annotation(OfficialRow):
    id: Id
    reference_img_id: Id
    relative_caption: str
    target_img_id: Id | None = None
    gt_img_ids: tuple[Id, ...] = ()
    semantic_aspects: tuple[str, ...] = ()


def read(path: Path, *, split: Literal["val", "test"] = "val", check_images: bool = True) -> DataSet:
    """Read a split; `test` has no public ground truth."""
    coco = require_folder(path) / "COCO2017_unlabeled"
    found = Assembly(f"circo-{split}", coco / "unlabeled2017")
    _add_gallery(found, coco / "annotations" / "image_info_unlabeled2017.json")
    for place, row in json_rows(path / "annotations" / f"{split}.json", _Annotation):
        _add_query(found, row, place)
        if split == "val":
            _add_judgments(found, row, place)
    protocol = Protocol(_MEASURES, depth=50, note=_NOTE, submission="circo" if split == "test" else None)
    return found.finish(protocol, judged=split == "val", check_images=check_images)


def _add_gallery(found: Assembly, file: Path) -> None:
    info = read_json(file)
    items = info.get("images") if isinstance(info, dict) else None
    if not isinstance(items, list):
        raise Place(file).error("the file has no list named images")
    numbered = ((Place(file, entry=f"image {number}"), item) for number, item in enumerate(items, start=1))
    for place, row in checked(numbered, _CocoImage):
        found.add_document(LabDocument(row.id, image=found.images.ref(row.file_name, place)), place)


def _add_query(found: Assembly, row: _Annotation, place: Place) -> None:
    reference = found.document(row.reference_img_id, "the reference", place)
    tags = frozenset(f"aspect:{aspect}" for aspect in row.semantic_aspects)
    found.add_query(LabQuery(row.id, row.relative_caption, reference.image, tags=tags), place)


def _add_judgments(found: Assembly, row: _Annotation, place: Place) -> None:
    if row.target_img_id not in row.gt_img_ids:
        raise place.error("gt_img_ids does not contain target_img_id")
    for document in row.gt_img_ids:
        found.judge(row.id, document, TARGET if document == row.target_img_id else OTHER, place)
