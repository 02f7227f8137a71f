"""GeneCIS: one word for the kind of similarity, and a small gallery per query (Vaze et al., CVPR 2023).

Layout of github.com/facebookresearch/genecis; the images are COCO's 2017 validation set for the object tasks and
Visual Genome 1.2 (all in one folder) for the attribute tasks:

    genecis/{focus,change}_{object,attribute}.json        val2017/NAME.jpg        VG_100K_all/ID.jpg
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from service.lab.dataset_image import Box, ImageRef
from service.lab.dataset_rows import Id, OfficialRow, Place, json_rows, require_folder
from service.lab.datasets.assembly import Assembly
from service.lab.judged import DataSet, LabDocument, LabQuery, Protocol

Task = Literal["focus_object", "change_object", "focus_attribute", "change_attribute"]

_DILATION = 0.7  # how much larger than the object its cut-out is: datasets/vaw_dataset.py
_NOTE = (
    "Every query ranks its own gallery; the target has no fixed position in it. Queries whose gallery is not of the "
    "usual size are left out, and objects are cut out, enlarged by 0.7 and padded to a square, as in the official code."
)


class _Instance(OfficialRow):
    """A COCO image, or an object in an image of Visual Genome (left, top, width, height)."""

    val_image_id: Annotated[int, Field(ge=0)] | None = None
    image_id: Id | None = None
    instance_bbox: tuple[float, float, float, float] | None = None

    @model_validator(mode="after")
    def _check(self) -> _Instance:
        if self.val_image_id is None and (self.image_id is None or self.instance_bbox is None):
            raise ValueError("an entry has val_image_id, or image_id with instance_bbox")
        return self


class _Template(OfficialRow):
    reference: _Instance
    target: _Instance
    condition: str
    gallery: tuple[_Instance, ...]


def read(path: Path, *, task: Task, images: Path | None = None, check_images: bool = True) -> DataSet:
    """Read one task. `images`: the folder of the images themselves, from `path`."""
    usual = "val2017" if task.endswith("object") else "VG_100K_all"
    root = path / "genecis" if (path / "genecis").is_dir() else require_folder(path)
    found = Assembly(f"genecis-{task}", require_folder(path / (images or usual)))
    rows = list(json_rows(root / f"{task}.json", _Template))
    sizes = Counter(len(row.gallery) for _, row in rows)
    usual_size = max(sizes, key=lambda size: (sizes[size], -size), default=0)
    for number, (place, row) in enumerate(rows):
        if len(row.gallery) == usual_size:
            _add_query(found, str(number), row, place)
    return found.finish(Protocol(("R@1", "R@2", "R@3"), depth=usual_size + 1, note=_NOTE), check_images=check_images)


def _add_query(found: Assembly, id: str, row: _Template, place: Place) -> None:
    ids = {_add_instance(found, instance, place) for instance in (row.target, *row.gallery)}
    # Sorted by id: the official list has the target first, and a tie must not be decided by that.
    gallery = tuple(sorted(ids))
    found.add_query(LabQuery(id, row.condition, _image(found, row.reference, place)[1], gallery=gallery), place)
    found.judge(id, _image(found, row.target, place)[0], 1, place)


def _add_instance(found: Assembly, instance: _Instance, place: Place) -> str:
    id, image = _image(found, instance, place)
    if id not in found.documents:
        found.add_document(LabDocument(id, image=image), place)
    return id


def _image(found: Assembly, instance: _Instance, place: Place) -> tuple[str, ImageRef]:
    """The id of an instance, and what is seen of it."""
    if instance.val_image_id is not None:
        return str(instance.val_image_id), found.images.ref(f"{instance.val_image_id:012d}.jpg", place)
    assert instance.image_id is not None and instance.instance_bbox is not None
    whole = found.images.ref(f"{instance.image_id}.jpg", place)
    sides = ",".join(f"{side:g}" for side in instance.instance_bbox)
    return f"{instance.image_id}@{sides}", ImageRef(whole.path, _enlarged(instance.instance_bbox), square=True)


def _enlarged(box: tuple[float, float, float, float]) -> Box:
    """Left, top, right, bottom of the official cut-out; the image's right and lower edge cut it when it is opened."""
    left, top = max(0.0, box[0] - _DILATION * box[2]), max(0.0, box[1] - _DILATION * box[3])
    return left, top, left + (1 + _DILATION) * box[2], top + (1 + _DILATION) * box[3]
