"""PinPoint: explicit negatives, six wordings of each wish, and queries of two images (Mahadev et al., CVPR 2026).

Layout of github.com/pinterest/pinpoint-dataset, with the images in one folder under their signatures:

    pinpoint_licensed.parquet or pinpoint_metadata.parquet        index_signatures.txt        images/SIGNATURE.jpg
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BeforeValidator

from service.lab.dataset_rows import Id, OfficialRow, Place, checked, require_folder, text_lines
from service.lab.datasets.assembly import Assembly
from service.lab.judged import DataSet, LabDocument, LabQuery, Protocol
from service.lab.lab_errors import DataSetError

POSITIVE, NEGATIVE = 1, -1
"""Grades: a right answer, and an explicit negative."""

_FILES = ("pinpoint_licensed.parquet", "pinpoint_metadata.parquet")
_MEASURES = ("mAP@10", "NegR@10", "P@1", "P@10", "mAP@50")
_NOTE = (
    "The queries of the same images are wordings of one wish: they count as one, and their spread is that of the paper "
    "for P@10. NegR@10 is better the lower it is. The reference stays in the ranking."
)

_Text = Annotated[str | None, BeforeValidator(lambda value: value if isinstance(value, str) and value else None)]
"""A text that may be missing; pandas writes that as a number, too."""
_Ids = Annotated[tuple[Id, ...], BeforeValidator(lambda value: () if value is None else value)]


class _Row(OfficialRow):
    query_id: Id
    query_image_signature: Id
    query_image_signature2: _Text = None
    instruction: str
    positive_candidates: _Ids
    negative_candidates: _Ids = ()
    query_category: _Text = None
    length_category: _Text = None


def read(path: Path, *, images: Path = Path("images"), check_images: bool = True) -> DataSet:
    """Read all queries. `images`: the folder with `SIGNATURE.jpg`, seen from `path`."""
    found = Assembly("pinpoint", require_folder(require_folder(path) / images))
    for place, signature in text_lines(path / "index_signatures.txt"):
        image = found.images.ref(f"{signature.strip()}.jpg", place)
        found.add_document(LabDocument(signature.strip(), image=image), place)
    outside: set[str] = set()
    for place, row in checked(_rows(path), _Row):
        outside |= _add_query(found, row, place)
    note = f"{_NOTE} {len(outside):,} judged images are not in the index, and cannot be found." if outside else _NOTE
    return found.finish(Protocol(_MEASURES, depth=50, note=note), check_images=check_images)


def _rows(path: Path) -> Iterator[tuple[Place, object]]:
    file = next((path / name for name in _FILES if (path / name).is_file()), path / _FILES[-1])
    try:
        table = pq.read_table(file)
    except FileNotFoundError as error:
        raise DataSetError("the file is missing", file=file) from error
    except (OSError, pa.ArrowException) as error:
        raise DataSetError("the file is not Parquet, or is damaged", file=file) from error
    known = table.select([name for name in table.column_names if name in _Row.model_fields])
    for number, row in enumerate(known.to_pylist(), start=1):
        yield Place(file, entry=f"row {number}"), row


def _add_query(found: Assembly, row: _Row, place: Place) -> set[str]:
    """Take a row; the images that it judges and the index lacks."""
    signatures = [row.query_image_signature, *([row.query_image_signature2] if row.query_image_signature2 else [])]
    first, *more = (found.images.ref(f"{signature}.jpg", place) for signature in signatures)
    tags = {"category": row.query_category, "length": row.length_category, "images": str(len(signatures))}
    query = LabQuery(
        row.query_id.removeprefix("query_").zfill(5),  # as the official results name them
        row.instruction,
        first,
        more_images=tuple(more),
        topic=" ".join(signatures),
        tags=frozenset(f"{kind}:{tag}" for kind, tag in tags.items() if tag),
    )
    found.add_query(query, place)
    grades = dict.fromkeys(row.negative_candidates, NEGATIVE) | dict.fromkeys(row.positive_candidates, POSITIVE)
    # An image that the index lacks counts as one that was not found, as in the official evaluation.
    found.judgments[query.id] = grades
    return grades.keys() - found.documents.keys()
