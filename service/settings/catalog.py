"""Indexing a catalog: worker processes and Ray."""

from pydantic import Field

from service.settings.group import Group


class CatalogSettings(Group):
    """Indexing a catalog: worker processes and Ray."""

    ingest_workers: int = Field(
        2,
        ge=0,
        le=64,
        description="Processes that read and decode pictures while indexing; 0: none, in the same process.",
    )
    ray_address: str | None = Field(
        None,
        min_length=1,
        description="Ray cluster of `index --engine ray`; none: that of RAY_ADDRESS, else one is started here.",
    )
    ray_encoders: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Encoders side by side on Ray; none: one for each GPU, without GPUs one for two CPUs.",
    )
