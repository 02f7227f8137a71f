"""Writes judgments of clicks as files: a folder that every command of the lab reads as a data set of kind `jsonl`.

judgments.qrels   query, 0, product, grade
queries.jsonl     the queries that can be asked again
documents.jsonl   the products, and images/ theirs and those of queries, if an export of the catalog is given
estimates.jsonl   every pair of query and product: what was counted, estimated, and how sure that is
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from service.errors import FilterError
from service.lab.clicks.asked_query import AskedQuery
from service.lab.clicks.click_judgments import NOT_JUDGED, ClickJudgments
from service.lab.clicks.click_log import ClickLog
from service.lab.clicks.exported_products import ImageCopies, exported_products
from service.lab.clicks.model_choice import FittedModel
from service.lab.files import write_text
from service.lab.judged import LabDocument
from service.lab.lab_errors import LabError
from service.lab.trec import write_qrels
from service.stores.filters import parse_filter
from service.wire.export_lines import ExportedProduct

ESTIMATES = "estimates.jsonl"
_BLANK = re.compile(r"\s")


class Omitted(StrEnum):
    """Why a judged query, or a judged product, is in no file but the estimates."""

    IMAGE = "image_not_found"
    COMPOSED = "several_images_or_negative"  # which a data set cannot say
    FILTER = "filter_not_valid"
    NO_PRODUCT = "product_not_in_the_catalog"
    BLANK_ID = "blank_in_the_id"


@dataclass(frozen=True)
class WrittenJudgments:
    """What is in the folder."""

    queries: int
    judgments: int
    documents: int
    omitted: Mapping[Omitted, int]


def write_judgments(
    folder: Path,
    log: ClickLog,
    model: FittedModel,
    judged: ClickJudgments,
    *,
    products: Path | None = None,
    query_images: Path | None = None,
) -> WrittenJudgments:
    """Write the folder. `products`: a file of `withthis export`; `query_images`: a folder of images of queries.

    Raises LabError where the disk fails or the folder holds another data set, and DataSetError for a file that is no
    export.
    """
    _check_ours(folder, *([] if products is None else ["documents.jsonl"]))
    write_text(folder / ESTIMATES, _estimates(log, model, judged))  # first: it says whose folder this is
    images = ImageCopies(folder, products, hashed_images(query_images))
    omitted: Counter[Omitted] = Counter()
    known = None if products is None else _write_documents(folder, products, images)
    rows = _rows_of_queries(log, judged, images, known)
    omitted.update(row for row in rows.values() if isinstance(row, Omitted))
    asked = {number: row for number, row in rows.items() if not isinstance(row, Omitted)}
    judgments = _judgments(log, judged, asked, known, omitted)
    queries = [row for row in asked.values() if row["id"] in judgments]
    write_text(folder / "queries.jsonl", (json.dumps(row, ensure_ascii=False) for row in queries))
    write_qrels(folder / "judgments.qrels", judgments)
    pairs = sum(map(len, judgments.values()))
    return WrittenJudgments(len(queries), pairs, len(known or ()), {why: omitted[why] for why in Omitted})


def _check_ours(folder: Path, *more: str) -> None:
    """Refuse to write over a data set that somebody has made. `more`: further files to be written. Raises LabError."""
    others = ("judgments.qrels", "judgments.jsonl", "queries.jsonl", *more)
    if not (folder / ESTIMATES).exists() and any((folder / name).exists() for name in others):
        raise LabError(f"{folder} holds another data set, which would be overwritten. Give another folder with --out.")


def hashed_images(folder: Path | None) -> dict[str, Path]:
    """The files of a folder by the SHA-256 of their bytes, which is how the log names images. Raises LabError."""
    found: dict[str, Path] = {}
    if folder is None:
        return found
    if not folder.is_dir():
        raise LabError(f"{folder} is not a folder. Give the folder of the images that users searched with.")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                with path.open("rb") as file:
                    found.setdefault(hashlib.file_digest(file, "sha256").hexdigest(), path)
            except OSError as error:
                raise LabError(f"{path} cannot be read. Check its permissions.") from error
    return found


def _write_documents(folder: Path, products: Path, images: ImageCopies) -> set[str]:
    """Write all products that have an image or words; their ids."""
    known: set[str] = set()

    def lines() -> Iterator[str]:
        for product in exported_products(products):
            row = _document(product, images)
            if product.id not in known and ("image" in row or _has_words(product)):
                known.add(product.id)
                yield json.dumps(row, ensure_ascii=False)

    write_text(folder / "documents.jsonl", lines())
    return known


def _document(product: ExportedProduct, images: ImageCopies) -> dict[str, object]:
    """With the first of its images that is there; a data set has one a document."""
    image = next(filter(None, map(images.product_image, product.images)), None)
    row = {
        "id": product.id,
        "title": product.title,
        "image": image,
        "category": product.category,
        "price": product.price,
        "attributes": product.attributes,
    }
    return {name: value for name, value in row.items() if value not in (None, "", {})}


def _has_words(product: ExportedProduct) -> bool:
    named = LabDocument(product.id, product.title, category=product.category, attributes=product.attributes)
    return named.words is not None


def _rows_of_queries(
    log: ClickLog, judged: ClickJudgments, images: ImageCopies, known: set[str] | None
) -> dict[int, dict[str, object] | Omitted]:
    """The rows of all judged queries by their numbers, or why one cannot be asked again."""
    numbers = sorted(set(log.pair_query[judged.judged].tolist()))
    return {number: _query(log.queries[number], images, known) for number in numbers}


def _query(query: AskedQuery, images: ImageCopies, known: set[str] | None) -> dict[str, object] | Omitted:
    if query.negative is not None or len(query.images) > 1:
        return Omitted.COMPOSED
    row: dict[str, object] = {"id": query.id}
    if query.text:
        row["text"] = query.text
    for image in query.images:
        if (path := images.query_image(image.image)) is None:
            return Omitted.IMAGE
        row["image"] = path
        if image.product is not None and known is not None and image.product in known:
            row["excluded"] = [image.product]  # as in the service
    if query.filter:
        try:
            parse_filter(query.filter)
        except FilterError:
            return Omitted.FILTER
        row["filter"] = query.filter
    return row


def _judgments(
    log: ClickLog, judged: ClickJudgments, queries: Container[int], known: set[str] | None, omitted: Counter[Omitted]
) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for pair in judged.judged.nonzero()[0].tolist():
        number, product = int(log.pair_query[pair]), log.pair_product[pair]
        if number not in queries:
            continue
        if known is not None and product not in known:
            omitted[Omitted.NO_PRODUCT] += 1
        elif not product or _BLANK.search(product):
            omitted[Omitted.BLANK_ID] += 1
        else:
            found.setdefault(log.queries[number].id, {})[product] = int(judged.grade[pair])
    return found


def _estimates(log: ClickLog, model: FittedModel, judged: ClickJudgments) -> Iterator[str]:
    """All pairs, the most often shown first."""
    for pair in (-judged.impressions).argsort(kind="stable").tolist():
        grade = int(judged.grade[pair])
        row: dict[str, object] = {
            "query": log.queries[log.pair_query[pair]].id,
            "document": log.pair_product[pair],
            "grade": None if grade == NOT_JUDGED else grade,
            "worth": round(float(judged.worth[pair]), 6),
            "model": model.name,
            "attractiveness": round(float(model.found.value[pair]), 6),
            "low": round(float(model.found.low[pair]), 6),
            "high": round(float(model.found.high[pair]), 6),
            "impressions": int(judged.impressions[pair]),
            "examined": round(float(model.found.examined[pair]), 2),
            **{kind: int(count[pair]) for kind, count in judged.events.items()},
        }
        yield json.dumps(row, ensure_ascii=False)
