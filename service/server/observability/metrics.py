"""What Prometheus scrapes. Every label has few values, all of them known beforehand: no ids, no paths, no input.

Litestar's own plugin is not used: it uses one registry for the whole process, which tests and several applications
share, and it does not see unknown routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rerank.degraded import Degraded
from rerank.ranking import Fault
from service.search.pipeline import STAGES
from service.search.reason_check import ReasonFault
from service.search.types import SearchResponse
from service.wire.catalogs import DEFAULT_CATALOG

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})
NO_ROUTE = "none"
NO_CATALOG = ""
"""The label of what is about no catalog: probes, the models alone. Prometheus takes it for no label."""
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one application, in a registry of their own."""

    def __init__(self, catalogs: Sequence[str] = (DEFAULT_CATALOG,)) -> None:
        """`catalogs`: their names, all of which there will be."""
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "withthis_requests",
            "Responses; status 499 if the client disconnected while it waited.",
            ["route", "method", "status", "catalog"],
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "withthis_request_seconds",
            "Seconds to the first byte of a response.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._stage_seconds = Histogram(
            "withthis_stage_seconds",
            "Seconds of a search by stage, as in `timings_ms`.",
            ["stage", "catalog"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._faults = Counter(
            "withthis_rerank_faults",
            "Rankings by fault class; `ok` means no fault.",
            ["fault", "catalog"],
            registry=self.registry,
        )
        self._reason_faults = Counter(
            "withthis_reason_faults",
            "Reasons that were not shown because the catalog contradicts their color, category, price or title.",
            ["fault", "catalog"],
            registry=self.registry,
        )
        self._degraded = Counter(
            "withthis_degraded",
            "Answers in retrieval order although reranking was requested.",
            ["reason", "catalog"],
            registry=self.registry,
        )
        self._batches = Histogram(
            "withthis_encoder_batch_size", "Queries encoded together.", buckets=_SIZES, registry=self.registry
        )
        self._lookups = Counter(
            "withthis_cache_lookups",
            "Hits and misses of the caches: `caption`, `thumbnail`, and `seen` and `features` of `starter`.",
            ["cache", "result"],
            registry=self.registry,
        )
        self._search_log = Counter(
            "withthis_search_log_lines",
            "Lines of the search log: written, dropped (the queue was full) or failed (the disk was full or failed).",
            ["result", "catalog"],
            registry=self.registry,
        )
        self._begin_reranked(NO_CATALOG)  # documents may be reranked, which are in none
        for catalog in catalogs:
            self._begin_at_zero(catalog)
            self._begin_reranked(catalog)

    def _begin_at_zero(self, catalog: str) -> None:
        """Every known label shows from the start, so that a rate is right from the first event."""
        for result in ("written", "dropped", "failed"):
            self._search_log.labels(result, catalog)
        for stage in STAGES:
            self._stage_seconds.labels(stage, catalog)
        for contradiction in ReasonFault:
            self._reason_faults.labels(contradiction.value, catalog)

    def _begin_reranked(self, catalog: str) -> None:
        for fault in Fault:
            self._faults.labels(fault.value, catalog)
        for reason in Degraded:
            self._degraded.labels(reason.value, catalog)

    def answered(self, route: str, method: str, status: int, seconds: float, *, catalog: str) -> None:
        """Count one answer. `route` is a template of the application's own, or `NO_ROUTE`; `catalog` one of its own,
        or `NO_CATALOG`.
        """
        self._requests.labels(route, method if method in METHODS else "other", str(status), catalog).inc()
        self._request_seconds.labels(route).observe(seconds)

    def searched(self, response: SearchResponse, catalog: str) -> None:
        """Count one answered search of a catalog."""
        for stage, ms in response.timings_ms.items():
            if stage in STAGES:
                self._stage_seconds.labels(stage, catalog).observe(ms / 1000)
        trace = response.trace
        asked = [side for side in (trace.orders.a, trace.orders.b) if side and not side.shared] if trace else []
        for report in [side.report for side in asked] or [response.rerank]:
            self.reranked(report.fault, report.degraded, catalog)
            if report.reason_fault is not None:
                self._reason_faults.labels(report.reason_fault.value, catalog).inc()

    def reranked(self, fault: str | None, degraded: str | None, catalog: str) -> None:
        """Count one reranking; None if none was requested, or nothing was wrong."""
        if fault is not None:
            self._faults.labels(Fault(fault).value, catalog).inc()
        if degraded is not None:
            self._degraded.labels(Degraded(degraded).value, catalog).inc()

    def encoded(self, size: int) -> None:
        """Count one batch of the encoder."""
        self._batches.observe(size)

    def looked_up(self, cache: str, hit: bool) -> None:
        """Count one lookup in a cache; `cache` is one of those that the application names."""
        self._lookups.labels(cache, "hit" if hit else "miss").inc()

    def search_logged(self, catalog: str, result: str, lines: int) -> None:
        """Count lines of the search log of a catalog: written, dropped or failed."""
        self._search_log.labels(result, catalog).inc(lines)

    def watch(self, name: str, help: str, label: str, values: Mapping[str, Callable[[], float]]) -> None:
        """Show current numbers whenever the metrics are read; `values` by the value of `label`."""
        self.registry.register(_Watched(name, help, label, values))

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _Watched(Collector):
    """Gauges that are read on demand, not set."""

    def __init__(self, name: str, help: str, label: str, values: Mapping[str, Callable[[], float]]) -> None:
        self._name, self._help, self._label, self._values = name, help, label, values

    def collect(self) -> Iterable[Metric]:
        gauge = GaugeMetricFamily(self._name, self._help, labels=[self._label])
        for key, read in self._values.items():
            gauge.add_metric([key], read())
        return [gauge]
