"""The basis of the plan, number by number: measured, published or assumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from service.capacity import gpus, milvus, replicas
from service.capacity.gpus import GPUS, Rates
from service.capacity.workload import Machines

Kind = Literal["measured", "published", "assumed", "given"]


@dataclass(frozen=True, slots=True)
class Basis:
    """One number."""

    what: str
    value: str
    kind: Kind
    source: str


def basis(machines: Machines, rates: Rates, search_s: float) -> list[Basis]:
    """All numbers that were not asked for by the workload."""
    gpu = GPUS[machines.gpu]
    reading = f"{gpus.ARITHMETIC_USE:.0%} of {gpu.operations_per_s / 1e12:.0f} T/s"
    writing = f"{gpus.MEMORY_USE:.0%} of {gpu.bytes_per_s / 1e12:.2f} TB/s"
    return [
        Basis("a product's fields in Milvus' memory", f"{milvus.SCALAR_BYTES} B", "measured", "measured.json"),
        Basis("CPU of a search in Milvus, without distances", f"{milvus.SEARCH_S * 1e3:.0f} ms", "measured", "same"),
        _compared("HNSW", milvus.GATHER_BYTES_PER_S, "published", "VectorDBBench"),
        _compared("in a row", milvus.SCAN_BYTES_PER_S, "measured", "measured.json"),
        Basis("a segment", f"{milvus.SEGMENT_BYTES / 2**20:.0f} MiB", "published", "Milvus' default"),
        Basis("a cluster, without query nodes", f"{milvus.CLUSTER_GB} GB", "published", "Milvus' sizing tool"),
        _search(search_s),
        Basis("CPU that reranking adds", f"{replicas.RERANK_S * 1e3:.0f} ms", "measured", "rerank_overhead"),
        Basis("memory of a replica", f"{replicas.REPLICA_BYTES / 1e9:.1f} GB", "measured", "measured.json"),
        _rate("reading", rates.prefill_tokens_per_s, reading),
        _rate("writing", rates.decode_tokens_per_s, writing),
        Basis("machines filled: memory", f"{machines.memory_use:.0%}", "assumed", "headroom"),
        Basis("machines filled: cores, GPUs", f"{machines.cpu_use:.0%}, {machines.gpu_use:.0%}", "assumed", "waiting"),
    ]


def _compared(order: str, rate: float, kind: Kind, source: str) -> Basis:
    return Basis(f"vectors compared per core, {order}", f"{rate / 1e9:.0f} GB/s", kind, source)


def _search(search_s: float) -> Basis:
    usual = search_s == replicas.SEARCH_S
    source = "measured.json, encoder starter" if usual else "--search-cpu-ms"
    return Basis("CPU of a search in the service", f"{search_s * 1e3:.0f} ms", "measured" if usual else "given", source)


def _rate(what: str, given: float | None, computed: str) -> Basis:
    name = f"{what} tokens on a GPU"
    if given is None:
        return Basis(name, computed, "assumed", "roofline; not measured, give your own")
    return Basis(name, f"{given:,.0f} tokens/s", "given", "measured by you")
