"""CIRR: real-life photographs of NLVR2 with a sentence that describes a change (Liu et al., ICCV 2021).

Layout of github.com/Cuberick-Orion/CIRR, with the images of NLVR2 (`data/` or `data/cirr/` may be given):

    cirr/captions/cap.rc2.{train,val,test1}.json        cirr/image_splits/split.rc2.{train,val,test1}.json
    cirr/img_raw/{train/0…,dev,test1}/NAME.png
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from service.lab.dataset_rows import Id, OfficialRow, Place, checked, json_rows, read_json, require_folder
from service.lab.datasets.assembly import Assembly
from service.lab.judged import DataSet, LabDocument, LabQuery, Protocol

_VERSION = "rc2"
_RECALLS = ("R@1", "R@5", "R@10", "R@50", "R_subset@1", "R_subset@2", "R_subset@3")
_NOTE = "The reference image is removed from every ranking; the only target is the hard one."


class _Group(OfficialRow):
    members: tuple[Id, ...]


class _Caption(OfficialRow):
    pairid: Id
    reference: Id
    caption: str
    img_set: _Group
    target_hard: Id | None = None


class _ImagePath(OfficialRow):
    path: str


def read(
    path: Path,
    *,
    split: Literal["train", "val", "test1"] = "val",
    images: Path | None = None,
    check_images: bool = True,
) -> DataSet:
    """Read a split; `test1` has no public ground truth. `images`: the folder with `dev`, seen from `path`."""
    root = path / "cirr" if (path / "cirr" / "captions").is_dir() else require_folder(path)
    folder = require_folder(path / images) if images else _image_folder(path, root)
    found = Assembly(f"cirr-{split}", folder)
    _add_gallery(found, root / "image_splits" / f"split.{_VERSION}.{split}.json")
    for place, row in json_rows(root / "captions" / f"cap.{_VERSION}.{split}.json", _Caption):
        _add_query(found, row, place, judged=split != "test1")
    submission = "cirr" if split == "test1" else None
    protocol = Protocol(_RECALLS, depth=50, note=_NOTE, submission=submission)
    return found.finish(protocol, judged=split != "test1", check_images=check_images)


def _image_folder(path: Path, root: Path) -> Path:
    """The images where CIRR's own layout has them, or in an adjacent NLVR2 folder, as SEARLE has them."""
    return path if not (root / "img_raw").is_dir() and (path / "dev").is_dir() else require_folder(root / "img_raw")


def _add_gallery(found: Assembly, file: Path) -> None:
    """The split's images: one JSON object, name → path."""
    names = read_json(file)
    if not isinstance(names, dict):
        raise Place(file).error("the file must be one JSON object from names to paths")
    items = ((Place(file, entry=repr(name)[:120]), {"path": value}) for name, value in names.items())
    for name, (place, row) in zip(names, checked(items, _ImagePath), strict=True):
        found.add_document(LabDocument(name, image=found.images.ref(row.path, place)), place)


def _add_query(found: Assembly, row: _Caption, place: Place, *, judged: bool) -> None:
    reference = found.document(row.reference, "the reference", place)
    members = tuple(found.document(member, "the group's member", place).id for member in row.img_set.members)
    query = LabQuery(
        id=row.pairid,
        text=row.caption,
        image=reference.image,
        excluded=frozenset({reference.id}),
        subset=tuple(member for member in members if member != reference.id),
    )
    found.add_query(query, place)
    if not judged:
        return
    if row.target_hard is None:
        raise place.error("target_hard is missing")
    if row.target_hard == row.reference:
        raise place.error("the target is the reference itself")
    found.judge(row.pairid, row.target_hard, 1, place)
