"""Spans of OpenTelemetry: one for each request, one for each stage inside it. Needs the extra `[otel]`.

A span has routes, numbers and component names, never what a caller sent: no texts, no images, no keys, no addresses
with their query. Names follow the semantic conventions of OpenTelemetry for HTTP servers, ours begin with `withthis.`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from litestar.datastructures import Headers
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rerank.stages import Fact, stage_observer
from service.server.observability.observe import QUIET
from service.server.observability.request_log import request_id

MAX_FACT_CHARS = 128
_FIRST_SERVER_ERROR = 500


class Spans:
    """Middleware that opens a span for a request, and the observer of its stages."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("withthis")
        self._propagator = TraceContextTextMapPropagator()

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """A span around every request but probes; the caller's `traceparent` is its parent."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            route, method = str(scope.get("path_template", "")), str(scope.get("method"))
            if route in QUIET:
                await app(scope, receive, send)
                return
            with self._request(route, method, Headers.from_scope(scope)) as span:
                await app(scope, receive, _watching(send, span))

        return traced

    @contextmanager
    def _request(self, route: str, method: str, headers: Headers) -> Iterator[Span]:
        carrier = {"traceparent": headers.get("traceparent", ""), "tracestate": headers.get("tracestate", "")}
        facts = {"http.request.method": method, "http.route": route, "withthis.request_id": request_id.get() or ""}
        observing = stage_observer.set(self)
        try:
            with self._tracer.start_as_current_span(
                f"{method} {route}",
                context=self._propagator.extract(carrier, context.Context()),
                kind=SpanKind.SERVER,
                attributes=facts,
                record_exception=False,  # an exception's words may hold what a caller sent
                set_status_on_exception=False,
            ) as span:
                yield span
        finally:
            stage_observer.reset(observing)

    def stage(self, name: str) -> AbstractContextManager[object]:
        """See `StageObserver.stage`."""
        return self._stage(name)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        with self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:
            try:
                yield
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def note(self, facts: Mapping[str, Fact]) -> None:
        """See `StageObserver.note`."""
        span = trace.get_current_span()
        for name, fact in facts.items():
            if fact is not None:
                span.set_attribute(f"withthis.{name}", fact[:MAX_FACT_CHARS] if isinstance(fact, str) else fact)

    def close(self) -> None:
        """Send what is waiting."""
        if isinstance(self._provider, TracerProvider):
            self._provider.shutdown()


def new_provider(environ: Mapping[str, str]) -> trace.TracerProvider:
    """The provider that the process has already, or one that sends by OTLP over HTTP as the `OTEL_*` variables say."""
    known = trace.get_tracer_provider()
    if not isinstance(known, trace.ProxyTracerProvider):
        return known
    provider = TracerProvider(resource=Resource.create({} if environ.get("OTEL_SERVICE_NAME") else _NAME))
    provider.add_span_processor(BatchSpanProcessor(_exporter(environ)))
    return provider


_NAME = {"service.name": "withthis"}


def _exporter(environ: Mapping[str, str]) -> SpanExporter:
    return ConsoleSpanExporter() if environ.get("OTEL_TRACES_EXPORTER") == "console" else OTLPSpanExporter()


def _watching(send: Send, span: Span) -> Send:
    """Note the status of the answer in transit."""

    async def watching(message: Message) -> None:
        if message["type"] == "http.response.start":
            span.set_attribute("http.response.status_code", message["status"])
            if message["status"] >= _FIRST_SERVER_ERROR:
                span.set_status(Status(StatusCode.ERROR))
        await send(message)

    return watching
