"""The error texts that other services' clients read, as extension members of a problem document (RFC 9457 3.2).

OpenAI's and Vercel's clients print `error.message`, Cohere's, Weaviate's and Jina's `message`; none reads `detail`.
`error` has the members of OpenAI's error object, with our names where possible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MAX_PLACES = 5
"""Places that a message names; `errors` has all of them."""

_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_FIRST_SERVER_ERROR = 500


def with_message(problem: Mapping[str, Any]) -> dict[str, Any]:
    """The problem with `message`, one line for people, and `error: {message, type, param, code}`.

    `param` is the pointer of the first wrong place or None, `code` the last part of the problem's type.
    """
    places: Sequence[Mapping[str, str]] = problem.get("errors") or ()
    message = f"{problem['title']}. {advice(problem['detail'], places)}"
    error = {
        "message": message,
        "type": _type(problem["status"]),
        "param": places[0]["pointer"] if places else None,
        "code": str(problem["type"]).rpartition(":")[2],
    }
    return {**problem, "message": message, "error": error}


def advice(detail: str, places: Sequence[Mapping[str, str]]) -> str:
    """What to do: at each place if there are any, else in general."""
    named = [f"{place['pointer'] or '/'}: {place['detail']}" for place in places[:MAX_PLACES]]
    more = len(places) - len(named)
    return " ".join([*named, *([f"And {more} more."] if more > 0 else [])]) or detail


def _type(status: int) -> str:
    if status >= _FIRST_SERVER_ERROR:
        return "server_error"
    return _TYPES.get(status, "invalid_request_error")
