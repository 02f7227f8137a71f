"""What both engines of an ingest are told: see `service.catalog.ingest.ingest`."""

from pathlib import Path
from typing import TypedDict

from service.catalog.document_form import DocumentForm
from service.catalog.readers import Columns
from service.catalog.row_images import ImageFetcher
from service.images.decode import ImageLimits


class IngestOptions(TypedDict, total=False):
    """Keywords of `ingest` and `ingest_on_ray`."""

    columns: Columns | None
    limits: ImageLimits
    fetcher: ImageFetcher | None
    rejects_path: Path | None
    batch: int
    new_ids: bool
    document: DocumentForm | None
    folder: Path | None
    delete_missing: bool
    delete_most: bool
