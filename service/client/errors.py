"""Every error of the client, as one tree.

ClientError
├── ConnectionFailedError     no answer: wrong URL, no service, or too slow
├── AnswerError               an answer that is not this service's
└── ProblemError              the service refused, and says why (RFC 9457)
    ├── InvalidRequestError   400, 413, 415, 422 and other 4xx: the request must be changed
    ├── KeyRefusedError       401, 403: another key is needed
    ├── NotFoundError         404
    ├── BusyError             429: try again after `retry_after_s`
    ├── UnavailableError      503: the store or the reranker is away
    └── ServiceFaultError     other 5xx
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Base of all errors of the client."""


class ConnectionFailedError(ClientError):
    """No answer came. What the transport said is in `__cause__`."""


class AnswerError(ClientError):
    """The response is not from this kind of service, or from a version that this client does not understand."""


class ProblemError(ClientError):
    """The service refused or failed, with a reason."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after_s: float | None) -> None:
        """Take the status, the problem document (empty if something in between answered) and Retry-After."""
        self.status = status
        self.problem = problem
        self.type = str(problem.get("type", "about:blank"))
        self.title = str(problem.get("title", f"HTTP status {status}"))
        self.detail = str(problem.get("detail", "The answer gives no reason."))
        self.retry_after_s = retry_after_s
        super().__init__(str(problem.get("message") or f"{self.title}. {self.detail}"))


class InvalidRequestError(ProblemError):
    """The request cannot be answered as it is; `problem["errors"]` often names the places."""


class KeyRefusedError(ProblemError):
    """No API key, an unknown one, or one without the scope of this route."""


class NotFoundError(ProblemError):
    """No such product, image or route."""


class BusyError(ProblemError):
    """Too many requests at once, or too many with this key."""


class UnavailableError(ProblemError):
    """The service cannot answer now."""


class ServiceFaultError(ProblemError):
    """The service failed on this request."""


_BY_STATUS: Mapping[int, type[ProblemError]] = {
    401: KeyRefusedError,
    403: KeyRefusedError,
    404: NotFoundError,
    429: BusyError,
    503: UnavailableError,
}
_FIRST_SERVER_ERROR = 500


def problem_error(status: int, problem: Mapping[str, Any], retry_after_s: float | None) -> ProblemError:
    """The error for an HTTP status."""
    usual = ServiceFaultError if status >= _FIRST_SERVER_ERROR else InvalidRequestError
    return _BY_STATUS.get(status, usual)(status, problem, retry_after_s)
