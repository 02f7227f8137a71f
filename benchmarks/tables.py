"""The tables of `make bench`: the benchmark, size and duration of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Size(StrEnum):
    """How much is measured."""

    QUICK = "quick"
    """To see that all benchmarks work; the figures say little."""
    FULL = "full"
    """For `RESULTS.md`."""


@dataclass(frozen=True, slots=True)
class BenchTable:
    """`python -m benchmarks.NAME` with these options."""

    name: str
    about: str
    quick: str
    full: str
    seconds: dict[Size, int]
    """What it takes on two cores that do nothing else, about."""
    wanted: bool = True
    """Whether it is made if nobody names tables."""

    def options(self, size: Size) -> list[str]:
        """On the command line."""
        return (self.quick if size is Size.QUICK else self.full).split()


def _takes(quick: int, full: int) -> dict[Size, int]:
    return {Size.QUICK: quick, Size.FULL: full}


TABLES = (
    BenchTable(
        "stages",
        "a composed query stage by stage, with reranking and without",
        "--queries 5",
        "--queries 200",
        _takes(20, 270),
    ),
    BenchTable(
        "startup",
        "from the start of the process to /readyz, and memory: reranking here or elsewhere, workers or processes",
        "--rounds 1 --searches 4",
        "--rounds 2 --searches 12",
        _takes(90, 210),
    ),
    BenchTable(
        "load",
        "the running service under many clients, and its overhead on top of models and store",
        "--seconds 5 --searches 5",
        "--seconds 60 --searches 60",
        _takes(60, 210),
    ),
    BenchTable("page", "the search page from Enter to the screen", "--queries 3", "--queries 20", _takes(30, 50)),
    BenchTable(
        "rerank_overhead",
        "reranking overhead on top of the model; thumbnails cached or not",
        "--runs 10",
        "--runs 100",
        _takes(5, 15),
    ),
    BenchTable(
        "chunked",
        "fifty candidates in windows side by side, and in a sliding window, over a model server",
        "--runs 1 --concurrency 16",
        "--runs 5",
        _takes(10, 40),
    ),
    BenchTable(
        "embedding_servers",
        "the encoder `sentence-transformers` and /v1/embeddings against the library, and by name against infinity",
        "--rounds 1 --count 32",
        "--rounds 3",
        _takes(60, 180),
        wanted=False,
    ),
    BenchTable(
        "image_load",
        "candidates' images from originals and from renditions; memory of large ones at once",
        "--runs 1 --large 2 --side 2000",
        "--runs 5",
        _takes(40, 90),
    ),
    BenchTable(
        "late_interaction",
        "the bundled engine by stored features against images; indexing with features against without",
        "--runs 3",
        "--runs 21",
        _takes(10, 40),
    ),
    BenchTable(
        "parser",
        "our parser against scraping digits, on malformed answers",
        "--repeats 1 --rounds 1",
        "--repeats 20 --rounds 3",
        _takes(5, 15),
    ),
    BenchTable(
        "interleaving",
        "interleaved comparisons of simulated users: power and false alarms, by credit, by user and by looks",
        "--repeats 4 --searches 200 --look-repeats 20",
        "--repeats 200 --look-repeats 2000",
        _takes(10, 200),
    ),
    BenchTable(
        "click_models",
        "click models and estimates of orders that were not shown, against simulated users",
        "--searches 2000 --seeds 1 --simulations 2 --estimated 600 --resamples 50",
        "",
        _takes(20, 400),
        wanted=False,
    ),
    BenchTable(
        "tuning",
        "a query adapter learned of users who prefer dark colors, and of grades by chance",
        "--queries 60 --seeds 0",
        "--seeds 20",
        _takes(90, 900),
        wanted=False,
    ),
    BenchTable(
        "encoders",
        "Visualized BGE in batches against one by one as published",
        "--images 2 --batch 2 --rounds 1 --dtypes float32",
        "--images 8 --batch 8 --rounds 2",
        _takes(40, 190),
    ),
    BenchTable(
        "encoder_recall",
        "recall of an encoder in bfloat16 against float32: as the settings name it",
        "--texts 40 --images 10 --queries 5",
        "",
        _takes(30, 1500),
        wanted=False,
    ),
    BenchTable(
        "encoder_memory",
        "peak memory of loading weights, against their size",
        "",
        "",
        _takes(50, 50),
    ),
    BenchTable(
        "batching",
        "concurrent queries in batches, against one after the other",
        "--queries 8 --rounds 1",
        "--queries 32 --rounds 2",
        _takes(15, 90),
    ),
    BenchTable(
        "ingest",
        "bulk ingest against the bare encoder",
        "--products 90 --rounds 1 --workers 0 --workers 1",
        "--products 450 --rounds 2 --workers 0 --workers 2",
        _takes(25, 120),
    ),
    BenchTable(
        "recall",
        "FLAT, IVF_FLAT and HNSW on Milvus Lite and a server, against exact search",
        "--vectors 2000 --rendered 300 --queries 50",
        "--vectors 50000 --rendered 1500 --queries 200",
        _takes(50, 400),
    ),
    BenchTable(
        "engines",
        "a ranking of nine by strategy, on Phi-3 Vision with random weights",
        "--crops 1 --image-crops 0 --strategy listwise --strategy single-token --reason 2",
        "--crops 4 --image-crops 0",
        _takes(40, 300),
    ),
    BenchTable(
        "service_capacity",
        "CPU time of a search, and the memory of the process",
        "--searches 5",
        "--searches 40",
        _takes(20, 50),
    ),
    BenchTable("capacity", "the capacity model compared with measured points", "", "", _takes(3, 3)),
    BenchTable(
        "versus",
        "this checkout against an earlier commit, side by side",
        "--size quick --rounds 1",
        "--size full",
        _takes(300, 1200),
        wanted=False,
    ),
    BenchTable(
        "hostile_memory",
        "memory of a service under inputs that ask for far more than they cost",
        "--only lines",
        "",
        _takes(40, 600),
        wanted=False,
    ),
    BenchTable(
        "quality",
        "retrieval and reranking of the starter models on held-out motifs",
        "--motifs 3 --reranked 1 --shop 1",
        "",
        _takes(300, 2400),
        wanted=False,
    ),
    BenchTable(
        "captions",
        "false captions and reasons of the bundled models",
        "--answers 0",
        "--answers 500",
        _takes(40, 400),
        wanted=False,
    ),
    BenchTable(
        "milvus_capacity",
        "memory and CPU time of a Milvus server by index type",
        "--rows 5000",
        "--rows 100000 --dimension 768",
        _takes(150, 900),
        wanted=False,
    ),
)
"""All there are; each is a process of its own."""
