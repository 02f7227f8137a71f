"""Traces: a span for the request and each stage, nothing of what callers send in them, and nothing at all when off."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from rerank.ranking import Ranking
from rerank.stages import stage_observer
from rerank.strategies.trace import Trace
from service.errors import ConfigurationError, StoreUnavailable
from service.server.access.api_keys import hash_key
from service.server.observability.tracing import asked_by_environment, new_tracing
from tests.conftest import open_client
from tests.fakes import FakeStrategy, Shop, make_shop, png, reverse

SECRET = "wt_very_secret"
TEXT = "a text that stays private"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Captioning(FakeStrategy):
    """Times its stages as the real strategies do."""

    def rerank(self, *args: Any, **kwargs: Any) -> Any:
        trace = Trace()
        with trace.timed("caption"), trace.timed("rerank"):
            pass
        return super().rerank(*args, **kwargs)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Where the spans of applications made from now on go."""
    exporter = InMemorySpanExporter()

    def provider(_: object) -> TracerProvider:
        made = TracerProvider()
        made.add_span_processor(SimpleSpanProcessor(exporter))
        return made

    monkeypatch.setattr("service.server.observability.spans.new_provider", provider)
    return exporter


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    keys = [{"name": "shop", "sha256": hash_key(SECRET), "scopes": ["search"]}]
    return make_shop(tmp_path, tracing=True, api_keys=keys, strategy=Captioning())


@pytest.fixture
def client(spans: InMemorySpanExporter, shop: Shop) -> Iterator[TestClient[Any]]:
    with open_client(shop) as opened:
        opened.headers["X-API-Key"] = SECRET
        yield opened


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_search_is_one_trace_with_a_span_a_stage(client: TestClient[Any], spans: InMemorySpanExporter) -> None:
    body = {"text": TEXT, "image": {"product_id": "p3"}, "limit": 9, "hybrid": {"enabled": False}}
    answer = client.post("/v1/search", json=body, headers={"traceparent": PARENT, "X-Request-Id": "mine"})
    assert answer.status_code == 200
    found = by_name(spans)
    assert {
        "understand",
        "decode",
        "embed",
        "retrieve",
        "load",
        "caption",
        "rerank",
        "rank",
        "POST /v1/search",
    } == found.keys()
    request = found["POST /v1/search"]
    assert {f"{span.context.trace_id:x}" for span in found.values() if span.context} == {PARENT[4:35]}
    assert request.parent is not None and f"{request.parent.span_id:x}" == PARENT[36:52]
    for name, above in {
        "embed": request,
        "load": found["rerank"],
        "rerank": request,
        "caption": found["rerank"],
    }.items():
        parent = found[name].parent
        assert parent is not None and above.context is not None and parent.span_id == above.context.span_id, name
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/search",
        "http.response.status_code": 200,
        "withthis.request_id": "mine",
    }
    assert (found["retrieve"].attributes or {})["withthis.results"] == 9
    told = found["rerank"].attributes or {}
    assert (told["withthis.strategy"], told["withthis.fault"], told["withthis.candidates"]) == ("listwise", "ok", 9)


def test_spans_hold_nothing_that_callers_send(
    client: TestClient[Any], spans: InMemorySpanExporter, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, Any] = {"image": ("private-name.png", png("red")), "query": (None, '{"text": "' + TEXT + '"}')}
    assert client.post("/v1/search", files=files).status_code == 200
    client.get("/v1/products", params={"filter": '{"title": {"eq": "' + TEXT + '"}}'})
    client.get("/v1/products/private-id")
    monkeypatch.setattr(shop.store, "failure", StoreUnavailable(TEXT))
    assert client.post("/v1/search", json={"text": TEXT}).status_code == 503
    seen = " ".join(span.to_json() for span in spans.get_finished_spans())
    for private in (TEXT, "private-name", "private-id", SECRET, hash_key(SECRET)):
        assert private not in seen


def test_failures_are_marked(
    client: TestClient[Any], spans: InMemorySpanExporter, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/v1/search", json={"text": "a", "limit": 0})
    client.get("/readyz")  # the collection is looked at once
    monkeypatch.setattr(shop.store, "failure", StoreUnavailable())
    client.post("/v1/search", json={"text": "a"})
    failed = [span for span in spans.get_finished_spans() if span.status.status_code is StatusCode.ERROR]
    assert {span.name for span in failed} == {"understand", "POST /v1/search"}
    assert {span.status.description for span in failed} <= {"StoreUnavailable", None}


def test_probes_leave_no_spans(client: TestClient[Any], spans: InMemorySpanExporter) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/nothing"):
        client.get(path)
    assert spans.get_finished_spans() == ()


def test_without_being_asked_there_is_nothing(
    spans: InMemorySpanExporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[object] = []

    def watch(n: int) -> Ranking:
        watched.append(stage_observer.get())
        return reverse(n)

    strategy = FakeStrategy(behave=watch)
    with open_client(make_shop(tmp_path, strategy=strategy)) as client:
        client.post("/v1/search", json={"text": "a"})
    assert watched == [None] and spans.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_usual_variables_ask_for_traces(environ: dict[str, str], asked: bool) -> None:
    assert asked_by_environment(environ) is asked


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "service.server.observability.spans", None)
    with pytest.raises(ConfigurationError, match=r"withthis\[otel\]"):
        new_tracing(asked=True)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    assert new_tracing(asked=False) is None
