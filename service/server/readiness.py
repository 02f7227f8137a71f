"""Whether the catalogs of a service can be searched, each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from service.errors import WithThisError
from service.server.catalog import Catalog

MOST_AT_ONCE = 16
Readiness = Mapping[str, int | WithThisError]
"""By the name of a catalog: its rows, or why it is not ready."""


def readiness(catalogs: Mapping[str, Catalog]) -> Readiness:
    """Check all at the same time: stores that do not answer are waited for once, not one after another."""
    if len(catalogs) == 1:
        return {name: _checked(catalog) for name, catalog in catalogs.items()}
    with ThreadPoolExecutor(min(len(catalogs), MOST_AT_ONCE), thread_name_prefix="readiness") as pool:
        return dict(zip(catalogs, pool.map(_checked, catalogs.values()), strict=True))


def _checked(catalog: Catalog) -> int | WithThisError:
    try:
        return catalog.check()
    except WithThisError as error:
        return error
