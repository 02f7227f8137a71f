"""One error shape for every route: RFC 9457 problem documents with fixed texts.

No exception's own message reaches a client: it may contain memory addresses, paths and input (CVE-2026-22778).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from service.errors import (
    PROBLEM_NAMESPACE,
    BodyTimeout,
    BodyTooLarge,
    InternalFault,
    KeyRequired,
    Overloaded,
    WithThisError,
)
from service.server.error_message import with_message
from service.server.observability.metrics import NO_ROUTE
from service.server.outages import Outages
from service.server.requests.parameters import wrong_parameters

logger = logging.getLogger(__name__)

_OUTAGES = Outages(every_s=60.0)

PROBLEM_TYPE = "application/problem+json"

_ROUTING_TEXTS: Mapping[int, tuple[str, str, str]] = {
    400: ("bad-request", "The request cannot be read", "Compare the request with the schema at /schema."),
    404: ("no-such-route", "There is no such route", "Check the URL; all routes are listed at /schema."),
    405: (
        "method-not-allowed",
        "This route does not support that method",
        "Use one of the methods in the Allow header; /schema lists them all.",
    ),
    415: (
        "unsupported-media-type",
        "This content type is not accepted",
        "Send application/json, or another content type that /schema lists for this route.",
    ),
}

_ANY_CLIENT_ERROR = ("bad-request", "The request cannot be answered", "Compare the request with /schema.")


def problem_response(problem: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response[Any]:
    """A problem document as a response; its `status` member is the HTTP status."""
    status = problem["status"]
    assert isinstance(status, int)
    return Response(
        with_message(problem),
        status_code=status,
        media_type=PROBLEM_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def problem_of(error: Exception, method: str, path: str) -> dict[str, object]:
    """The problem document of an error that comes too late for a status; logged as by the handlers below."""
    known = error if isinstance(error, WithThisError) else InternalFault()
    if known.status >= 500:
        _log(method, path, known, error)
    return with_message(known.problem())


def handle_own_error(request: Request[Any, Any, Any], error: WithThisError) -> Response[Any]:
    """Our own errors have their status and text."""
    if error.status >= 500:
        _log(request.method, _route(request), error, error)
    return problem_response(error.problem(), _headers_of(error))


def _log(method: str, route: str, known: WithThisError, error: Exception) -> None:
    """Log an error, with its traceback unless it is of an outage that was logged a moment ago."""
    repeated = known.status == HTTPStatus.SERVICE_UNAVAILABLE and not _OUTAGES.is_new(known.type)
    logger.error("%s %s: %s", method, route, known.type, exc_info=None if repeated else error)


def _route(request: Request[Any, Any, Any]) -> str:
    """The route as the application writes it: an address may hold ids, which are not for the log."""
    found: str = request.scope.get("path_template") or NO_ROUTE
    return found


def _headers_of(error: WithThisError) -> dict[str, str]:
    if isinstance(error, Overloaded):
        return {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, BodyTimeout):
        return {"Connection": "close"}  # the rest is not waited for (RFC 9110, section 15.5.9)
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, KeyRequired) else {}


def handle_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Errors of the framework: status kept, texts replaced."""
    status = error.status_code
    if status == BodyTooLarge.status:
        return handle_own_error(request, BodyTooLarge())
    if status >= 500:
        return handle_own_error(request, InternalFault())
    wrong = isinstance(error, ValidationException) and wrong_parameters(request.route_handler, error)
    if wrong:
        return handle_own_error(request, wrong)
    return _routing_problem(status, _allowed(error))


def _allowed(error: HTTPException) -> dict[str, str]:
    """The methods that a 405 must name (RFC 9110, section 15.5.6); HEAD is answered wherever GET is."""
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    methods = {method.strip() for method in headers.get("allow", "").split(",") if method.strip()}
    return {"Allow": ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))} if methods else {}


def not_found() -> Response[Any]:
    """The answer where there is no route."""
    return _routing_problem(HTTPStatus.NOT_FOUND, {})


def _routing_problem(status: int, headers: Mapping[str, str]) -> Response[Any]:
    slug, title, detail = _ROUTING_TEXTS.get(status, _ANY_CLIENT_ERROR)
    problem = {"type": PROBLEM_NAMESPACE + slug, "title": title, "status": int(status), "detail": detail}
    return problem_response(problem, headers)


def handle_anything_else(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The outermost fault boundary: log what happened, tell the client only that it did."""
    logger.error("%s %s failed", request.method, _route(request), exc_info=error)
    return problem_response(InternalFault().problem())


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    WithThisError: handle_own_error,
    HTTPException: handle_http_error,
    HTTPStatus.INTERNAL_SERVER_ERROR: handle_anything_else,
    Exception: handle_anything_else,
}
