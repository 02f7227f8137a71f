"""Catalogs of a service: their names, where they are, and whether they are ready."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

DEFAULT_CATALOG: Final = "default"
"""The catalog of the routes that name none."""

CatalogName = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", description="a lower-case letter, then letters, digits and hyphens")
]


def catalog_path(name: str) -> str:
    """The path below which the routes of a catalog are."""
    return "/v1" if name == DEFAULT_CATALOG else f"/v1/catalogs/{name}"


class CatalogOut(BaseModel):
    """One catalog."""

    name: str
    path: str = Field(description="the path below which its routes are, such as /v1/catalogs/shoes")
    status: Literal["ready", "not_ready"]
    rows: int | None = Field(description="rows that can be searched; null if it is not ready")
    reason: str | None = Field(description="why it is not ready, and what to do; null if it is")


class CatalogsOut(BaseModel):
    """The catalogs that a key opens, the default one first."""

    catalogs: list[CatalogOut]


class ReadyOut(BaseModel):
    """A service that can answer searches of at least one catalog."""

    status: Literal["ready", "partly_ready"] = Field(description="partly_ready: some catalogs are not")
    encoder: str = Field(description="the id of the encoder")
    rows: int | None = Field(None, description="rows of the default catalog that can be searched, if it is ready")
    catalogs: list[CatalogOut] = Field(
        default_factory=list, description="those that the key opens, or all without keys, if there are several"
    )
