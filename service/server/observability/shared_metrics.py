"""Metrics of several processes combined: each counts into its own files, and any of them can report all.

prometheus_client's multiprocess mode. Counters and histograms of workers that died stay in the sums, as counters must
not decrease; gauges are those of live workers.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Gauge, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from service.server.observability.metrics import Metrics

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_LOOK_S = 1.0
"""Seconds between two looks at numbers that other processes are to see: far less than between two scrapes."""


def new_metrics(catalogs: Sequence[str]) -> Metrics:
    """Those of this process alone, or shared with the other workers where there are some."""
    if not os.environ.get(FOLDER_VARIABLE):
        return Metrics(catalogs)
    # prometheus_client has chosen when it was imported, which may have been before the variable was set.
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
    return SharedMetrics(catalogs)


def forget(pid: int) -> None:
    """Count the gauges of a worker that is gone no more."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]


class SharedMetrics(Metrics):
    """The counters of all workers."""

    def watch(self, name: str, help: str, label: str, values: Mapping[str, Callable[[], float]]) -> None:
        """Show the sum of such numbers over the workers, at most `_LOOK_S` old."""
        gauge = Gauge(name, help, [label], registry=self.registry, multiprocess_mode="livesum")
        threading.Thread(target=_keep_looking, args=[gauge, values], name=name, daemon=True).start()

    def text(self) -> bytes:
        """Everything that all workers have counted, in Prometheus' text format."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _keep_looking(gauge: Gauge, values: Mapping[str, Callable[[], float]]) -> None:
    while True:
        for key, read in values.items():
            gauge.labels(key).set(read())
        time.sleep(_LOOK_S)
