"""`/v1/rules`: the merchandising rules of the service."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from litestar import Controller, Request, Response, get, put
from litestar.di import NamedDependency

from service.search.operator_file import MOST_BYTES
from service.server.access.auth import ADMIN
from service.server.catalog import Catalog
from service.server.defaults import RequestDefaults
from service.server.openapi import of_catalog, takes
from service.server.requests.body import read_json
from service.server.requests.parameters import known_parameters_only
from service.wire.rules import RulesBody


class RulesController(Controller):
    """Merchandising rules."""

    path = "/rules"
    tags = ("search",)
    opt = ADMIN
    guards = (known_parameters_only,)

    @get(summary="List the merchandising rules", responses=of_catalog())
    async def get_rules(self, parts: NamedDependency[Catalog]) -> Response[RulesBody]:
        """All rules, as the file of rules has them now."""
        return _as_given(await anyio.to_thread.run_sync(parts.rules.rules))

    @put(
        status_code=200,
        operation_class=takes({"application/json": RulesBody}),
        summary="Replace the merchandising rules",
        responses=of_catalog(
            (400, "a rule is not valid; nothing changed"),
            (404, "this service has no file of rules"),
            (408, "the body arrived too slowly"),
            (413, "the body is too large"),
            (415, "not JSON"),
            (503, "the file of rules cannot be written; nothing changed"),
        ),
    )
    async def put_rules(
        self,
        request: Request[Any, Any, Any],
        parts: NamedDependency[Catalog],
        defaults: NamedDependency[RequestDefaults],
    ) -> Response[RulesBody]:
        """Replaces all rules, in the file too, so that they outlast a restart. Searches follow from now on."""
        rules = await read_json(request, RulesBody, min(defaults.max_body_bytes, MOST_BYTES))
        await anyio.to_thread.run_sync(parts.rules.replace, rules)
        return _as_given(rules)


def _as_given(rules: RulesBody) -> Response[RulesBody]:
    """The rules without what they leave open: what is read can be put again, and null is no condition."""
    given: Any = {"rules": [rule.model_dump(mode="json", by_alias=True, exclude_unset=True) for rule in rules.rules]}
    return Response(given)
