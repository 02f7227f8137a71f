"""The readiness of catalogs as JSON, as far as a caller may know of them."""

from __future__ import annotations

from service.errors import WithThisError
from service.server.access.reach import Reach
from service.server.readiness import Readiness
from service.wire.catalogs import DEFAULT_CATALOG, CatalogOut, ReadyOut, catalog_path


def catalogs_out(found: Readiness, reach: Reach) -> list[CatalogOut]:
    """The catalogs within reach."""
    return [_one(name, state) for name, state in found.items() if name in reach]


def ready_out(found: Readiness, reach: Reach, encoder: str) -> ReadyOut:
    """What a service says that is ready. A service of one catalog tells everyone its rows, as probes ask without a key.

    Raises the error of the default catalog if none is ready.
    """
    default = found[DEFAULT_CATALOG]
    if isinstance(default, WithThisError) and not any(isinstance(state, int) for state in found.values()):
        raise default
    wrong = any(isinstance(state, WithThisError) for state in found.values())
    several = len(found) > 1
    return ReadyOut(
        status="partly_ready" if wrong else "ready",
        encoder=encoder,
        rows=default if isinstance(default, int) and (not several or DEFAULT_CATALOG in reach) else None,
        catalogs=catalogs_out(found, reach) if several else [],
    )


def _one(name: str, state: int | WithThisError) -> CatalogOut:
    return CatalogOut(
        name=name,
        path=catalog_path(name),
        status="ready" if isinstance(state, int) else "not_ready",
        rows=state if isinstance(state, int) else None,
        reason=state.detail if isinstance(state, WithThisError) else None,
    )
