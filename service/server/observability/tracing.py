"""Whether tracing is on: it needs the extra `[otel]`, and a setting or the standard variables.

The setting says "these traces, or an error"; the variables may be meant for other programs of the machine, so without
the extra they are ignored.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from service.errors import ConfigurationError

if TYPE_CHECKING:
    from service.server.observability.spans import Spans

logger = logging.getLogger(__name__)

MISSING = "WITHTHIS_TRACING needs a package that is not installed. Run: pip install 'withthis[otel]'."
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER")


def asked_by_environment(environ: Mapping[str, str]) -> bool:
    """True if the OpenTelemetry variables configure an exporter and do not turn tracing off."""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(name) for name in _ENDPOINTS)


def new_tracing(*, asked: bool) -> Spans | None:
    """The factory of spans; None if tracing is off. Raises ConfigurationError."""
    if not (asked or asked_by_environment(os.environ)):
        return None
    try:
        from service.server.observability.spans import Spans, new_provider  # noqa: PLC0415 (an extra)
    except ImportError as error:
        if asked:
            raise ConfigurationError(MISSING) from error
        logger.info("OTEL_* variables ask for traces, but the extra `otel` is not installed")
        return None
    return Spans(new_provider(os.environ))
