"""`POST /v1/deletions`: deletes the products that match a filter.

It is not `DELETE /v1/products` with a body, which has no defined meaning (RFC 9110, section 9.3.5), so that clients and
proxies drop it.
"""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, post
from litestar.di import NamedDependency

from service.catalog.deletion import Deletion, with_condition
from service.server.access.auth import WRITE
from service.server.bulkheads import Bulkheads
from service.server.catalog import Catalog
from service.server.defaults import RequestDefaults
from service.server.openapi import of_catalog, takes
from service.server.requests.body import read_json
from service.server.requests.parameters import known_parameters_only
from service.stores.filters import Filter, check_filter
from service.wire.products import DeletionBody, DeletionOut


class DeletionController(Controller):
    """Deletions by filter."""

    path = "/deletions"
    tags = ("products",)
    opt = WRITE
    guards = (known_parameters_only,)

    @post(
        status_code=200,
        operation_class=takes({"application/json": DeletionBody}),
        summary="Delete the products that match a filter",
        responses=of_catalog(
            (400, "the request is not valid, or the filter has no condition"),
            (408, "the body arrived too slowly"),
            (413, "the body is too large"),
            (415, "not JSON"),
            (503, "the store does not answer; what was deleted until then is deleted"),
        ),
    )
    async def delete_matching(
        self,
        request: Request[Any, Any, Any],
        parts: NamedDependency[Catalog],
        defaults: NamedDependency[RequestDefaults],
        bulkheads: NamedDependency[Bulkheads],
    ) -> DeletionOut:
        """At most 10,000 products a request, or a count of at most 100,000: send it again until it is `complete`."""
        body = await read_json(request, DeletionBody, defaults.max_body_bytes)
        check_filter(with_condition(body.filter))
        return await delete_products(parts, bulkheads, body.filter, dry_run=body.dry_run)


async def delete_products(parts: Catalog, bulkheads: Bulkheads, filter: Filter | None, *, dry_run: bool) -> DeletionOut:
    """Run a deletion; every batch waits for its turn among the other changes, or among the other readers."""
    room = bulkheads.catalog if dry_run else bulkheads.write
    run: Deletion = await room.run(lambda: parts.ready().products.deletion(filter, dry_run=dry_run))
    while await room.run(run.step):
        pass
    return DeletionOut(matched=run.matched, deleted=0 if dry_run else run.matched, complete=run.complete)
