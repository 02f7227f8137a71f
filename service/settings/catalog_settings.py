"""Indexing a catalog: documents, feeds, worker processes and Ray."""

from pydantic import Field

from service.catalog.document_form import DocumentForm
from service.settings.group import Group
from service.settings.setting_types import DocumentFields


class CatalogSettings(Group):
    """Indexing a catalog: documents, feeds, worker processes and Ray."""

    document: DocumentFields | None = Field(
        None,
        description="What a product's vector is made of: image, title, category, names of attributes, in this order; "
        "none: as the collection was made, and image, title, category, brand and description for a new one.",
    )
    feed_file_bytes: int = Field(
        20 * 2**30,
        ge=1,
        description="Largest feed that `index` takes from a URL, from standard input or packed, in bytes, unpacked.",
    )
    ingest_workers: int = Field(
        2,
        ge=0,
        le=64,
        description="Worker processes that read and decode images while indexing; 0: in the same process.",
    )
    ray_address: str | None = Field(
        None,
        min_length=1,
        description="Ray cluster of `index --engine ray`; none: that of RAY_ADDRESS, otherwise one is started on "
        "this machine.",
    )
    ray_encoders: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Parallel encoders on Ray; none: one per GPU, or one per two CPUs without GPUs.",
    )

    @property
    def form(self) -> DocumentForm | None:
        """`document` as the catalog understands it."""
        return None if self.document is None else DocumentForm(tuple(self.document))
