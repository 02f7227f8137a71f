"""CIRCLED: sessions of several turns over the images of FashionIQ, CIRR and CIRCO (arXiv 2605.26734).

Layout of huggingface.co/datasets/tk1441/CIRCLED, next to the data set that a subset extends, in its own layout:

    data/{cirr_val,fashioniq_dress_val,circo_val,…}.json
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from service.lab.dataset_rows import Id, OfficialRow, Place, json_rows, require_folder
from service.lab.datasets import circo, cirr, fashioniq
from service.lab.datasets.assembly import Assembly
from service.lab.judged import DataSet, LabQuery, Protocol

_MEASURES = ("Success@1", "Success@10", "Success@50", "RR")
_NOTE = (
    "Every turn is a query for the target of its session, by its own reference image and words (history: joined puts "
    "the words of the turns before in front); slices by turn show how a session proceeds."
)
Subset = Literal[
    "fashioniq_dress_train",
    "fashioniq_dress_val",
    "fashioniq_shirt_train",
    "fashioniq_shirt_val",
    "fashioniq_toptee_train",
    "fashioniq_toptee_val",
    "cirr_train",
    "cirr_val",
    "circo_val",
]
_EXTENDED: dict[str, Callable[..., DataSet]] = {"fashioniq": fashioniq.read, "cirr": cirr.read, "circo": circo.read}


class _Turn(OfficialRow):
    turn: int
    reference_image_id: Id
    relative_caption: str


class _Session(OfficialRow):
    session_id: Id
    ground_truth_ids: tuple[Id, ...]
    turns: tuple[_Turn, ...]


def read(
    path: Path,
    *,
    base: Path,
    subset: Subset = "cirr_val",
    history: Literal["none", "joined"] = "none",
    check_images: bool = True,
) -> DataSet:
    """Read a subset. `base`: the folder of the data set that it extends, seen from `path`; its gallery is searched."""
    family, *category, split = subset.split("_")
    options = {"categories": tuple(category)} if category else {}
    gallery = _EXTENDED[family](require_folder(path) / base, split=split, check_images=check_images, **options)
    found = Assembly(f"circled-{subset}", path)
    found.documents.update(gallery.documents)
    folder = path / "data" if (path / "data").is_dir() else path
    for place, session in json_rows(folder / f"{subset}.json", _Session):
        _add_session(found, session, place, family, joined=history == "joined")
    return found.finish(Protocol(_MEASURES, depth=50, note=_NOTE), check_images=False)


def _add_session(found: Assembly, session: _Session, place: Place, family: str, *, joined: bool) -> None:
    said: list[str] = []
    for turn in session.turns:
        reference = found.document(_gallery_id(turn.reference_image_id, family), "the reference", place)
        said = [*said, turn.relative_caption.strip()] if joined else [turn.relative_caption.strip()]
        query = LabQuery(
            f"{session.session_id}-{turn.turn}",
            text=" ".join(said),
            image=reference.image,
            # As CIRR is measured; the others leave the reference in the ranking.
            excluded=frozenset({reference.id} if family == "cirr" else ()),
            tags=frozenset({f"turn:{turn.turn}", f"turns:{len(session.turns)}"}),
        )
        found.add_query(query, place)
        for target in session.ground_truth_ids:
            found.judge(query.id, _gallery_id(target, family), 1, place)


def _gallery_id(id: str, family: str) -> str:
    """COCO's numbers may be written with the zeros of their file names."""
    return id.lstrip("0") or "0" if family == "circo" else id
