"""Memory, CPU time and disk of Milvus by index type.

Memory of one row:

- vector: 4 · dimension bytes (float32).
- HNSW links, as hnswlib and its descendants lay them out: 2·M + 1 numbers of 4 bytes on the lowest layer, and M + 1 on
  each upper one. With level multiplier 1 / ln M a vector is on 1 / (M − 1) upper layers on average
  (Malkov and Yashunin, arXiv 1603.09320, §4.1). A label of 8 bytes.
- IVF_FLAT: an id of 8 bytes; nlist centroids a segment.
- the other fields, which query nodes hold in memory: `SCALAR_BYTES`.

CPU time of a search: each segment is searched by itself, so that it grows with the catalog even where one index is
logarithmic. Each search costs `SEARCH_S`, and a segment the vectors that it compares:

- HNSW: at most ef · 2·M (every neighbor of every candidate kept), scattered in memory: `GATHER_BYTES_PER_S`.
- IVF_FLAT: nlist centroids, and nprobe / nlist of the rows, one after another: `SCAN_BYTES_PER_S`.
- FLAT: all rows, one after another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.capacity.workload import Workload

SERVER_BYTES = 0.3e9
"""Measured: a standalone server (Milvus 2.3.5) with no collection loaded; benchmarks/measured.json."""
SCALAR_BYTES = 400
"""Fitted to measured points: fields of a product in memory, with the index of primary keys; benchmarks/measured.json.
Long titles and many attributes take more."""
SEARCH_S = 0.002
"""Fitted to measured points: CPU time of a search without distances (request, plan, reduce, fields of the answer)."""
GATHER_BYTES_PER_S = 8e9
"""Vector bytes that one core compares in a second, each fetched from elsewhere in memory.
Published: VectorDBBench, Milvus on 16 cores, 1M × 768, HNSW: 2,681 searches per second are 6 ms of a core for some 3
segments of 1 GB; 10M × 768: 437 to 1,833 are 9 to 37 ms for 30."""
SCAN_BYTES_PER_S = 12e9
"""Fitted to measured points: the same for vectors that are contiguous, which the processor fetches ahead."""
SEGMENT_BYTES = 1024 * 2**20
"""Published: Milvus' default of dataCoord.segment.maxSize since 2.4, binary megabytes."""
DISK_FACTOR = 1.5
"""Assumed: what compaction has replaced is kept for a while (dataCoord.gc.dropTolerance)."""

CLUSTER_CORES, CLUSTER_GB, CLUSTER_DISK_GB = 39.5, 163.5, 460.0
"""Published: the least that Milvus' sizing tool (zilliz.com/sizing-tool) gives to a cluster's coordinators, proxy, data
and index node, etcd, object store and Pulsar, without query nodes."""


@dataclass(frozen=True, slots=True)
class MilvusNeeds:
    """One copy of the collection."""

    row_bytes: float
    """In memory, by row."""
    memory_bytes: float
    """In memory."""
    segments: int
    cpu_s: float
    """CPU seconds of one search."""
    disk_bytes: float
    """Vectors, fields and index in the object store."""


def milvus_needs(work: Workload) -> MilvusNeeds:
    """What one copy of the collection takes."""
    segments = math.ceil(work.rows * (4 * work.dimension + SCALAR_BYTES) / SEGMENT_BYTES)
    vectors, index = 4.0 * work.dimension, index_bytes(work)
    centroids = segments * work.nlist * 4.0 * work.dimension if work.index == "IVF_FLAT" else 0.0
    row = vectors + index + SCALAR_BYTES
    # The object store holds the vectors twice: as rows, and once more in the index.
    disk = DISK_FACTOR * work.rows * (2 * vectors + index + SCALAR_BYTES)
    return MilvusNeeds(row, work.rows * row + centroids, segments, _search_s(work, segments), disk)


def index_bytes(work: Workload) -> float:
    """Bytes of the index for one row, not counting the vector."""
    match work.index:
        case "HNSW":
            upper = 1 / max(1, work.m - 1)
            return 4.0 * (2 * work.m + 1) + upper * 4 * (work.m + 1) + 8
        case "IVF_FLAT":
            return 8.0
        case "FLAT":
            return 0.0


def _search_s(work: Workload, segments: int) -> float:
    rows = work.rows / segments
    match work.index:
        case "HNSW":
            compared, rate = min(rows, work.ef * 2 * work.m), GATHER_BYTES_PER_S
        case "IVF_FLAT":
            compared, rate = min(rows, work.nlist) + rows * min(1.0, work.nprobe / work.nlist), SCAN_BYTES_PER_S
        case "FLAT":
            compared, rate = rows, SCAN_BYTES_PER_S
    return SEARCH_S + segments * compared * 4 * work.dimension / rate
