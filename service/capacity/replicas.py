"""The service's own processes: CPU time and memory of a replica, and bytes on the network."""

from __future__ import annotations

from dataclasses import dataclass

from service.capacity.workload import Workload

SEARCH_S = 0.027
"""Measured: CPU seconds of a composed search without reranking, encoder `starter`; benchmarks/measured.json."""
RERANK_S = 0.03
"""Measured: CPU seconds of reranking on top of the model: panel, prompt, parser; benchmarks/rerank_overhead.py."""
REPLICA_BYTES = 1.0e9
"""Measured: memory of a service process with the bundled models after 32 clients; benchmarks/measured.json."""
REPLICA_CORES = 2
"""Assumed: what one process with torch makes use of."""
RESULT_BYTES = 5e3
"""Assumed: an answer of nine products as JSON."""
PANEL_BYTES = 400e3
"""Assumed: a panel as PNG in base64, sent to the model's server; the caption's image is of the same size."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes per second at peak load."""

    callers: float
    """From and to the callers, without images of results, which a CDN delivers."""
    milvus: float
    model: float
    images: float
    """From the object store: the candidates' images, as if none were in a replica's cache."""


def search_cpu_s(work: Workload, query_s: float) -> float:
    """CPU seconds of a search in the service, on average; `query_s` of one that is not reranked."""
    return query_s + work.rerank_share * RERANK_S


def traffic(work: Workload) -> Traffic:
    """What goes over the network."""
    reranked = work.qps * work.rerank_share
    return Traffic(
        callers=work.qps * (work.query_picture_kb * 1e3 + RESULT_BYTES),
        milvus=work.qps * (4 * work.dimension + RESULT_BYTES),
        model=reranked * 2 * PANEL_BYTES,
        images=reranked * work.candidates * work.picture_kb * 1e3,
    )
