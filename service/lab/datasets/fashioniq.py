"""FashionIQ: dresses, shirts and tops with two sentences each that describe a change (Wu et al., CVPR 2021).

Layout of github.com/XiaoxiaoGuo/fashion-iq, with the images in one folder:

    captions/cap.{dress,shirt,toptee}.{train,val,test}.json
    image_splits/split.{dress,shirt,toptee}.{train,val,test}.json        images/NAME.jpg
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from service.lab.dataset_rows import Id, OfficialRow, Place, json_rows, read_json, require_folder
from service.lab.datasets.assembly import Assembly
from service.lab.judged import DataSet, LabDocument, LabQuery, Protocol

Category = Literal["dress", "shirt", "toptee"]
Captions = Literal["vectors", "values", "first"]

_NOTES = {
    "vectors": "Both caption orders are embedded and their unit vectors averaged, as in SEARLE.",
    "values": "Each caption order is a separate query; the values of the two are averaged.",
    "first": "The captions are joined in the order of the file only.",
}
_GALLERY = "Every category is searched in its own split gallery; the total is the mean over the categories."
_JUNK = ".?, "  # what SEARLE strips from both ends of a caption before it joins two


class _Caption(OfficialRow):
    candidate: Id
    captions: tuple[str, str]
    target: Id | None = None


def read(
    path: Path,
    *,
    split: Literal["train", "val", "test"] = "val",
    categories: tuple[Category, ...] = ("dress", "shirt", "toptee"),
    captions: Captions = "vectors",
    images: Path | None = None,
    check_images: bool = True,
) -> DataSet:
    """Read a split; `test` has no public ground truth. `captions`: how the two caption orders are used."""
    found = Assembly(f"fashioniq-{split}", require_folder(path) / (images or "images"))
    for category in dict.fromkeys(categories):
        gallery = _add_gallery(found, path / "image_splits" / f"split.{category}.{split}.json")
        ids, tags = tuple(gallery), frozenset({f"category:{category}"})
        rows = json_rows(path / "captions" / f"cap.{category}.{split}.json", _Caption)
        for number, (place, row) in enumerate(rows):
            for query in _queries(found, f"{category}-{number}", row, captions, place):
                official = row.model_dump(mode="json", exclude_none=True)
                found.add_query(replace(query, gallery=ids, tags=tags, official=official), place)
                if split != "test":
                    _judge(found, query, row, gallery, place)
    submission = "fashioniq" if split == "test" and captions != "values" else None
    note = f"{_NOTES[captions]} {_GALLERY}"
    protocol = Protocol(("R@10", "R@50"), depth=50, note=note, submission=submission, macro="category")
    return found.finish(protocol, judged=split != "test", check_images=check_images)


def _add_gallery(found: Assembly, file: Path) -> dict[str, None]:
    """The ids of a category's gallery. A product may be in several categories."""
    names = read_json(file)
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise Place(file).error("the file must be one JSON array of names")
    gallery: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        gallery[name] = None
        if name not in found.documents:
            place = Place(file, entry=f"entry {number}")
            found.add_document(LabDocument(name, image=found.images.ref(f"{name}.jpg", place)), place)
    return gallery


def _queries(found: Assembly, id: str, row: _Caption, captions: Captions, place: Place) -> list[LabQuery]:
    """One query, or one for each order of the captions."""
    first, second = (caption.strip(_JUNK) for caption in row.captions)
    forward, backward = f"{first} and {second}", f"{second} and {first}"
    image = found.document(row.candidate, "the candidate", place).image
    if captions == "values":
        return [LabQuery(f"{id}-ab", forward, image, topic=id), LabQuery(f"{id}-ba", backward, image, topic=id)]
    return [LabQuery(id, forward, image, wordings=(backward,) if captions == "vectors" else ())]


def _judge(found: Assembly, query: LabQuery, row: _Caption, gallery: dict[str, None], place: Place) -> None:
    if row.target is None:
        raise place.error("the target is missing")
    if row.target not in gallery:
        raise place.error(f"the target {row.target!r} is not in the gallery")
    found.judge(query.id, row.target, 1, place)
