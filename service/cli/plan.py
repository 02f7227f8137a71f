"""`withthis plan`: machines and cost for a catalog and a load."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from service.capacity.basis import Basis, basis
from service.capacity.gpus import Rates
from service.capacity.plan import Plan, make_plan
from service.capacity.replicas import SEARCH_S
from service.capacity.workload import IndexType, Machines, Prices, Workload
from service.cli.console import out

_COUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kMB]?)")
_UNITS = {"": 1, "k": 1_000, "M": 1_000_000, "B": 1_000_000_000}


def count(text: str) -> int:
    """A number such as 900, 50k, 100M or 1.5B. typer.BadParameter for anything else."""
    match = _COUNT.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter("write a number such as 900, 50k, 100M or 1.5B")
    return round(float(match[1]) * _UNITS[match[2]])


def plan(  # noqa: PLR0917 (Typer makes options of them; nobody calls it by position)
    products: Annotated[str, typer.Option(help="Products in the catalog: 900, 50k, 100M, 1.5B.")],
    qps: Annotated[float, typer.Option(help="Searches per second at peak load.")],
    rerank_share: Annotated[float, typer.Option(help="Share of them that a VLM reranks, 0 to 1.")] = 0.2,
    images: Annotated[float, typer.Option("--pictures", help="Mean number of images per product.")] = 1.0,
    dimension: Annotated[int, typer.Option(help="Dimension of an embedding.")] = 768,
    index: Annotated[IndexType, typer.Option(help="Index type.")] = "HNSW",
    m: Annotated[int, typer.Option("--m", help="HNSW: links per vector (M).")] = 16,
    ef: Annotated[int, typer.Option(help="HNSW: candidates kept while searching (ef).")] = 128,
    nlist: Annotated[int, typer.Option(help="IVF_FLAT: clusters.")] = 128,
    nprobe: Annotated[int, typer.Option(help="IVF_FLAT: clusters searched.")] = 16,
    replicas: Annotated[int, typer.Option(help="Copies of the collection in memory.")] = 2,
    candidates: Annotated[int, typer.Option(help="Products that the VLM sees.")] = 9,
    crops: Annotated[int, typer.Option(help="Crops of Phi-3 Vision: 16, 4 or 1.")] = 16,
    picture_kb: Annotated[float, typer.Option(help="Size of a stored image, in 1000 bytes.")] = 100,
    query_picture_kb: Annotated[float, typer.Option(help="Size of a query image, in 1000 bytes.")] = 200,
    node_cores: Annotated[int, typer.Option(help="Cores per machine.")] = 16,
    node_gb: Annotated[float, typer.Option(help="Memory per machine, in 10⁹ bytes.")] = 128,
    gpu: Annotated[str, typer.Option(help="l4, a10g, l40s, a100, h100 or h200.")] = "h100",
    prefill_tokens_per_s: Annotated[float | None, typer.Option(help="Tokens/s that a GPU reads, measured.")] = None,
    decode_tokens_per_s: Annotated[float | None, typer.Option(help="Tokens/s that a GPU writes, measured.")] = None,
    search_cpu_ms: Annotated[
        float, typer.Option(help="CPU time of a search without reranking in the service, with your encoder.")
    ] = SEARCH_S * 1e3,
    price_node_hour: Annotated[float, typer.Option(help="Price of a machine per hour.")] = 1.0,
    price_gpu_hour: Annotated[float | None, typer.Option(help="Price of a GPU per hour. Default: typical.")] = None,
    price_gb_month: Annotated[float, typer.Option(help="Price of 10⁹ bytes in the object store per month.")] = 0.023,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Memory, machines, GPUs, network and cost for a catalog and a load, and the basis of each number."""
    try:
        work = Workload(
            products=count(products),
            qps=qps,
            rerank_share=rerank_share,
            pictures_per_product=images,
            dimension=dimension,
            index=index,
            m=m,
            ef=ef,
            nlist=nlist,
            nprobe=nprobe,
            replicas=replicas,
            candidates=candidates,
            crops=crops,
            picture_kb=picture_kb,
            query_picture_kb=query_picture_kb,
        )
        machines = Machines(node_cores=node_cores, node_gb=node_gb, gpu=gpu)
        rates = Rates(prefill_tokens_per_s, decode_tokens_per_s)
        prices = Prices(price_node_hour, price_gpu_hour, price_gb_month)
        made = make_plan(work, machines, prices, rates, search_s=search_cpu_ms / 1e3)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from error
    rests_on = basis(machines, rates, search_cpu_ms / 1e3)
    if as_json:
        answer = {"workload": asdict(work), **asdict(made), "basis": [asdict(row) for row in rests_on]}
        out.print_json(json.dumps(answer))
    else:
        _show(work, made, rests_on)


def _show(work: Workload, made: Plan, rests_on: list[Basis]) -> None:
    table = Table(
        title=f"{work.rows:,} images, {work.qps:g} searches per second", title_justify="left", show_header=False
    )
    table.add_column("part")
    table.add_column("what", justify="right")
    for part, what in _rows(work, made):
        table.add_row(part, what)
    out.print(table)
    numbers = Table(title="computed from", title_justify="left", show_header=False)
    for row in rests_on:
        numbers.add_row(row.what, row.value, row.kind, row.source)
    out.print(numbers)


def _rows(work: Workload, made: Plan) -> list[tuple[str, str]]:
    milvus, vlm, service, network, cost = made.milvus, made.vlm, made.service, made.network, made.cost_month
    return [
        (f"Milvus, {work.index}, one copy in memory", f"{milvus.copy_gb:,.1f} GB in {milvus.segments:,} segments"),
        ("Milvus, cores busy with searching", f"{milvus.cores_busy:,.1f}"),
        (f"Milvus, {milvus.mode}: machines", f"{milvus.query_nodes:,} for queries, {milvus.other_nodes:,} others"),
        ("Milvus, object store", f"{milvus.object_store_gb:,.0f} GB"),
        ("VLM, tokens of a reranked search", f"{vlm.tokens_read:,} read, {vlm.tokens_written:,} written"),
        (f"VLM, {vlm.gpu}", f"{vlm.gpus:,} GPUs for {vlm.reranked_per_s:g} rankings per second"),
        ("service, replicas", f"{service.replicas:,} of {service.replica_cores} cores on {service.nodes:,} machines"),
        ("service, memory of all replicas", f"{service.memory_gb:,.1f} GB"),
        ("images, object store", f"{service.pictures_gb:,.0f} GB"),
        ("network, callers and images", f"{network.callers_mbit_s:,.0f} and {network.pictures_mbit_s:,.0f} Mbit/s"),
        ("network, Milvus and VLM", f"{network.milvus_mbit_s:,.0f} and {network.model_mbit_s:,.0f} Mbit/s"),
        ("cost per month: Milvus, VLM, service, storage", _amounts(cost.milvus, cost.vlm, cost.service, cost.storage)),
        ("cost per month", f"{cost.total:,.0f}"),
    ]


def _amounts(*amounts: float) -> str:
    return " + ".join(f"{amount:,.0f}" for amount in amounts)
