"""`--catalog`, the option of every command that is about one catalog."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.console import start
from service.settings import Settings

InCatalog = Annotated[
    str,
    typer.Option("--catalog", help="Name of the catalog, as in WITHTHIS_CATALOGS or, with --url, in the service."),
]


def start_in(catalog: str, url: str | None = None) -> Settings:
    """The settings of a catalog, first of all. One that a service at a URL has need not be named in them.

    Raises ConfigurationError for a name that they do not have.
    """
    settings = start()
    return settings if url is not None else settings.of_catalog(catalog)
