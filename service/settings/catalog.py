"""Indexing a catalog: worker processes and Ray."""

from pydantic import Field

from service.settings.group import Group


class CatalogSettings(Group):
    """Indexing a catalog: worker processes and Ray."""

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
