"""`POST /v1/feedback`: user feedback on an answer."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType

from service.search.online.evaluation import OnlineEvaluation
from service.server.access.auth import SEARCH
from service.server.openapi import of_catalog, reference, takes
from service.server.requests.body import read_body, require_json
from service.server.requests.feedback_input import parse_feedback
from service.server.requests.parameters import known_parameters_only
from service.wire.feedback import MAX_EVENTS, MAX_FEEDBACK_BYTES, FeedbackBody, FeedbackOut

_ONE = reference(FeedbackBody)
_SEVERAL = Schema(type=OpenAPIType.ARRAY, items=_ONE, min_items=1, max_items=MAX_EVENTS)


class FeedbackController(Controller):
    """Feedback on answers."""

    path = "/feedback"
    tags = ("search",)
    opt = SEARCH
    guards = (known_parameters_only,)

    @post(
        status_code=202,
        operation_class=takes({"application/json": Schema(one_of=[_ONE, _SEVERAL])}),
        summary="Report what a user did with an answer",
        responses=of_catalog(
            (400, "the request is not valid"),
            (404, "this service accepts no feedback"),
            (408, "the body arrived too slowly"),
            (413, "the body is too large"),
            (415, "not JSON"),
        ),
    )
    async def feedback(
        self,
        request: Request[Any, Any, Any],
        online: NamedDependency[OnlineEvaluation],
    ) -> FeedbackOut:
        """Clicks, add-to-carts and purchases, one or an array, to be joined with the search log in a report.

        The same event sent twice counts once, and events about products that were not shown do not count.
        """
        require_json(request)
        raw = await read_body(request, MAX_FEEDBACK_BYTES)
        events = parse_feedback(raw)
        online.received(events)
        return FeedbackOut(accepted=len(events))
