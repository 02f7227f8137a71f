"""The products of an export of the catalog, as documents of a data set: `withthis export FILE --images`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from service.catalog.row_images import EXPORTED_IMAGES
from service.lab.dataset_rows import text_lines
from service.lab.lab_errors import DataSetError, LabError
from service.support.whole_file import whole_file
from service.wire.export_lines import ExportedProduct


def exported_products(path: Path) -> Iterator[ExportedProduct]:
    """The products of an export, one by one. Raises DataSetError for a file that is none, or is incomplete."""
    is_whole = False
    for place, line in text_lines(path):
        try:
            fields = json.loads(line)
            is_product = isinstance(fields, dict) and "withthis_export" not in fields and "complete" not in fields
            if is_product:
                yield ExportedProduct.model_validate_json(line)
            elif isinstance(fields, dict):
                is_whole = "complete" in fields
        except (ValueError, RecursionError, ValidationError) as error:
            raise place.error("the line is not one of `withthis export`") from error
    if not is_whole:
        raise DataSetError("the export is incomplete; run `withthis export` again", file=path)


class ImageCopies:
    """Brings images into the folder of a data set: from beside an export, by key, or from anywhere, by hash."""

    def __init__(self, folder: Path, export: Path | None, others: dict[str, Path]) -> None:
        """`others`: further images by the SHA-256 of their bytes."""
        self._folder = folder
        self._from = None if export is None else export.parent / EXPORTED_IMAGES
        self._others = others

    def product_image(self, key: str) -> str | None:
        """The path of an image in the data set; None if it is not beside the export. Raises LabError."""
        return None if self._from is None else self._brought(self._from / key[:2] / key, key)

    def query_image(self, hash: str) -> str | None:
        """The same for an image of a query, which may be one of a product. Raises LabError."""
        for format in ("jpeg", "png", "webp") if len(hash) == 64 and hash.isalnum() else ():
            if (found := self.product_image(f"{hash}.{format}")) is not None:
                return found
        other = self._others.get(hash)
        return None if other is None else self._brought(other, f"{hash}{other.suffix.lower()}")

    def _brought(self, source: Path, name: str) -> str | None:
        target = self._folder / EXPORTED_IMAGES / name[:2] / name
        if not target.exists():
            if not source.is_file():
                return None
            _link_or_copy(source, target)
        return target.relative_to(self._folder).as_posix()


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            os.link(source, target)
            return
        with source.open("rb") as data, whole_file(target, mode=None) as file:
            shutil.copyfileobj(data, file)
    except OSError as error:
        raise LabError(f"{target} cannot be written. Check the folder's permissions and disk space.") from error
