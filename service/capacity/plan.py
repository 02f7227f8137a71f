"""From a workload to machines and cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.capacity.gpus import GPUS, Rates, gpu_s, tokens
from service.capacity.milvus import (
    CLUSTER_CORES,
    CLUSTER_DISK_GB,
    CLUSTER_GB,
    SERVER_BYTES,
    milvus_needs,
)
from service.capacity.replicas import REPLICA_BYTES, REPLICA_CORES, SEARCH_S, search_cpu_s, traffic
from service.capacity.workload import Machines, Prices, Workload

HOURS_A_MONTH = 730


@dataclass(frozen=True, slots=True)
class MilvusPlan:
    """Vectors. Memory in 10⁹ bytes."""

    mode: str
    """standalone: one machine; cluster: query nodes, and the machines below for everything else."""
    copy_gb: float
    """One copy of the collection in memory."""
    segments: int
    cores_busy: float
    """Cores that searching keeps busy at peak load."""
    query_nodes: int
    other_nodes: int
    object_store_gb: float


@dataclass(frozen=True, slots=True)
class VlmPlan:
    """The VLM on vLLM."""

    reranked_per_s: float
    panel_tokens: int
    tokens_read: int
    tokens_written: int
    """Of one reranked search: caption and ranking."""
    gpu_s: float
    """GPU seconds of one reranked search."""
    gpu: str
    gpus: int


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """The service's processes."""

    cores_busy: float
    replicas: int
    replica_cores: int
    memory_gb: float
    """Of all replicas."""
    nodes: int
    pictures_gb: float
    """Images in the object store."""


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """10⁶ bits per second at peak load."""

    callers_mbit_s: float
    milvus_mbit_s: float
    model_mbit_s: float
    pictures_mbit_s: float


@dataclass(frozen=True, slots=True)
class CostPlan:
    """In the currency of the prices, for a month of 730 hours at full size."""

    milvus: float
    vlm: float
    service: float
    storage: float
    total: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything."""

    milvus: MilvusPlan
    vlm: VlmPlan
    service: ServicePlan
    network: NetworkPlan
    cost_month: CostPlan


def make_plan(
    work: Workload,
    machines: Machines | None = None,
    prices: Prices | None = None,
    rates: Rates | None = None,
    *,
    search_s: float = SEARCH_S,
) -> Plan:
    """Compute the plan. `search_s`: CPU seconds of a search without reranking with your encoder, measured by you.

    Raises:
        ValueError: an unknown GPU, or a machine that is too small for anything.
    """
    machines, prices, rates = machines or Machines(), prices or Prices(), rates or Rates()
    milvus = _milvus(work, machines)
    vlm = _vlm(work, machines, rates)
    service = _service(work, machines, search_s)
    return Plan(milvus, vlm, service, _network(work), _cost(milvus, vlm, service, prices))


def _milvus(work: Workload, machines: Machines) -> MilvusPlan:
    needs = milvus_needs(work)
    room = machines.node_gb * 1e9 * machines.memory_use - SERVER_BYTES
    if room <= 0:
        raise ValueError("a machine of this size has no memory left for vectors")
    by_memory = work.replicas * math.ceil(needs.memory_bytes / room)
    cores = work.qps * needs.cpu_s
    nodes = max(by_memory, math.ceil(cores / (machines.node_cores * machines.cpu_use)))
    standalone = nodes == 1
    others = max(CLUSTER_CORES / machines.node_cores, CLUSTER_GB / machines.node_gb)
    return MilvusPlan(
        mode="standalone" if standalone else "cluster",
        copy_gb=needs.memory_bytes / 1e9,
        segments=needs.segments,
        cores_busy=cores,
        query_nodes=nodes,
        other_nodes=0 if standalone else math.ceil(others),
        object_store_gb=needs.disk_bytes / 1e9 + (0 if standalone else CLUSTER_DISK_GB),
    )


def _vlm(work: Workload, machines: Machines, rates: Rates) -> VlmPlan:
    if machines.gpu not in GPUS:
        raise ValueError(f"the GPU must be one of {', '.join(GPUS)}")
    reranked, of = work.qps * work.rerank_share, tokens(work)
    seconds = gpu_s(work, GPUS[machines.gpu], rates)
    gpus = math.ceil(reranked * seconds / machines.gpu_use)
    return VlmPlan(reranked, of.panel, of.read, of.written, seconds, machines.gpu, gpus)


def _service(work: Workload, machines: Machines, search_s: float) -> ServicePlan:
    cores = work.qps * search_cpu_s(work, search_s)
    # Two at least, so that one may go.
    replicas = max(2, math.ceil(cores / (REPLICA_CORES * machines.cpu_use)))
    memory = replicas * REPLICA_BYTES
    by_memory = memory / (machines.node_gb * 1e9 * machines.memory_use)
    nodes = math.ceil(max(by_memory, replicas * REPLICA_CORES / machines.node_cores))
    images = work.rows * work.picture_kb * 1e3
    return ServicePlan(cores, replicas, REPLICA_CORES, memory / 1e9, nodes, images / 1e9)


def _network(work: Workload) -> NetworkPlan:
    flows = traffic(work)
    return NetworkPlan(*(8 * flow / 1e6 for flow in (flows.callers, flows.milvus, flows.model, flows.images)))


def _cost(milvus: MilvusPlan, vlm: VlmPlan, service: ServicePlan, prices: Prices) -> CostPlan:
    gpu_hour = GPUS[vlm.gpu].price_hour if prices.gpu_hour is None else prices.gpu_hour
    costs = (
        HOURS_A_MONTH * prices.node_hour * (milvus.query_nodes + milvus.other_nodes),
        HOURS_A_MONTH * gpu_hour * vlm.gpus,
        HOURS_A_MONTH * prices.node_hour * service.nodes,
        prices.gb_month * (milvus.object_store_gb + service.pictures_gb),
    )
    return CostPlan(*costs, total=sum(costs))
