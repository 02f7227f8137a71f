"""Catalogs of a service, by name."""

from typing import Annotated, Final

from pydantic import Field

DEFAULT_CATALOG: Final = "default"
"""The catalog of the routes that name none."""

CatalogName = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", description="a lower-case letter, then letters, digits and hyphens")
]


def catalog_path(name: str) -> str:
    """The path below which the routes of a catalog are."""
    return "/v1" if name == DEFAULT_CATALOG else f"/v1/catalogs/{name}"
