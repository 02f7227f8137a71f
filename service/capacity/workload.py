"""The demands on the system, and the assumptions about hardware and prices. Every number can be replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

IndexType = Literal["HNSW", "IVF_FLAT", "FLAT"]
INDEX_TYPES: tuple[IndexType, ...] = get_args(IndexType)


@dataclass(frozen=True, slots=True)
class Workload:
    """The catalog and the queries. ValueError for numbers that make no sense."""

    products: int
    qps: float
    """Searches per second at peak load."""
    rerank_share: float = 0.2
    """Share of the searches that a VLM reranks."""
    pictures_per_product: float = 1.0
    """One row of the collection is one image."""
    dimension: int = 768
    index: IndexType = "HNSW"
    m: int = 16
    """HNSW: links of a vector on the upper layers; twice as many on the lowest."""
    ef: int = 128
    """HNSW: candidates kept while searching."""
    nlist: int = 128
    """IVF_FLAT: clusters of a segment."""
    nprobe: int = 16
    """IVF_FLAT: clusters searched."""
    replicas: int = 2
    """Copies of the collection in memory, on different machines."""
    candidates: int = 9
    """Products that the VLM sees in one panel."""
    crops: int = 16
    """Crops in which Phi-3 Vision sees an image, at most."""
    picture_kb: float = 100.0
    """A stored image, 1000 bytes."""
    query_picture_kb: float = 200.0
    """An image that a caller sends, 1000 bytes."""

    def __post_init__(self) -> None:
        positive = (self.products, self.pictures_per_product, self.dimension, self.m, self.ef, self.nlist, self.nprobe)
        if min(*positive, self.replicas, self.candidates, self.crops) <= 0:
            raise ValueError("counts must be at least one")
        if self.qps < 0 or not 0 <= self.rerank_share <= 1 or min(self.picture_kb, self.query_picture_kb) < 0:
            raise ValueError("rates and sizes must not be negative, and a share must be between 0 and 1")
        if self.index not in INDEX_TYPES:
            raise ValueError(f"the index must be one of {', '.join(INDEX_TYPES)}")
        if self.candidates > 26:
            raise ValueError("a panel holds at most 26 candidates")

    @property
    def rows(self) -> int:
        """Rows of the collection."""
        return max(1, round(self.products * self.pictures_per_product))


@dataclass(frozen=True, slots=True)
class Machines:
    """The machines to count in, and how full they may be. All of this is assumed, for you to replace."""

    node_cores: int = 16
    """Virtual CPUs of a machine for Milvus' query nodes or for the service."""
    node_gb: float = 128.0
    """Its memory, 10⁹ bytes."""
    memory_use: float = 0.7
    """Share of the memory that is filled: segments are reloaded next to the old ones during compaction."""
    cpu_use: float = 0.6
    """Share of the cores that is busy at peak load; above it, waiting times rise steeply (M/M/c queues)."""
    gpu_use: float = 0.7
    gpu: str = "h100"

    def __post_init__(self) -> None:
        if min(self.node_cores, self.node_gb) <= 0 or not all(
            0 < share <= 1 for share in (self.memory_use, self.cpu_use, self.gpu_use)
        ):
            raise ValueError("machines need cores and memory, and shares must be above 0 and at most 1")


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in one currency. The defaults are of the size of list prices of large clouds in 2025, in US dollars."""

    node_hour: float = 1.0
    """A machine for query nodes or the service."""
    gpu_hour: float | None = None
    """A machine with one GPU; None: that of `service.capacity.gpus`."""
    gb_month: float = 0.023
    """Object storage, 10⁹ bytes for a month."""
