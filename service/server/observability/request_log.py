"""Lines of the log, as text and as JSON, with the ids of requests.

Nothing that a caller sends is logged except the id that it may give its request: no bodies, no images, no keys, no
query strings.
"""

from __future__ import annotations

import json
import logging
import re
import textwrap
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from service.support.printable import printable

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered; worker threads see it too."""

EXTRA_FIELDS = ("route", "method", "status", "ms", "key", "catalog")
_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def chosen_id(given: str | None) -> str:
    """The id that the caller gave, if it is plain; a new one otherwise."""
    return given if given is not None and _PLAIN_ID.fullmatch(given) else uuid.uuid4().hex


class TextFormatter(logging.Formatter):
    """The message and the id of its request on a single line; the lines of a traceback below it, indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name is logging's)
        """The message, with the id in brackets if a request is being answered."""
        current = request_id.get()
        return printable(super().formatMessage(record)) + ("" if current is None else f" [{current}]")

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """The traceback; an exception's text may have several lines, none of which may pass for an entry."""
        return textwrap.indent(printable(super().formatException(ei), keep="\n"), "  ", lambda line: True)


class LineFormatter(TextFormatter):
    """The same behind time and level, for files and pipes, which have no columns to fill."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Time, level and message."""
        return f"{_time(record)} {record.levelname} {super().formatMessage(record)}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, and what the access log adds."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (current := request_id.get()) is not None:
            entry["request_id"] = current
        entry |= {name: getattr(record, name) for name in EXTRA_FIELDS if hasattr(record, name)}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return printable(json.dumps(entry, ensure_ascii=False, default=str))


def _time(record: logging.LogRecord) -> str:
    """When it happened, in UTC."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
