"""The capacity model: more work never needs less, units are right, and the parts are those of the formulas."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.capacity.gpus import GPUS, Rates, gpu_s, tokens
from service.capacity.milvus import index_bytes, milvus_needs
from service.capacity.plan import Plan, make_plan
from service.capacity.workload import INDEX_TYPES, IndexType, Machines, Prices, Workload

BASE = Workload(products=1_000_000, qps=50.0)

workloads = st.builds(
    Workload,
    products=st.integers(1, 10**9),
    qps=st.floats(0, 10_000),
    rerank_share=st.floats(0, 1),
    pictures_per_product=st.floats(0.5, 10),
    dimension=st.sampled_from([64, 384, 768, 1024]),
    index=st.sampled_from(INDEX_TYPES),
    replicas=st.integers(1, 5),
)


def numbers(plan: Plan) -> dict[str, float]:
    """Every quantity of a plan by its name."""
    parts: dict[str, dict[str, Any]] = asdict(plan)
    return {f"{part}.{name}": v for part, rows in parts.items() for name, v in rows.items() if not isinstance(v, str)}


def not_less(more: Plan, less: Plan, *, but: tuple[str, ...] = ()) -> None:
    small = numbers(less)
    for name, value in numbers(more).items():
        assert name in but or value >= small[name] * (1 - 1e-9), name


@settings(deadline=None, max_examples=50)
@given(work=workloads, factor=st.floats(1, 100))
def test_more_products_or_queries_never_need_less(work: Workload, factor: float) -> None:
    plan = make_plan(work)
    not_less(make_plan(replace(work, qps=work.qps * factor)), plan)
    not_less(make_plan(replace(work, products=round(work.products * factor))), plan)
    not_less(make_plan(replace(work, replicas=work.replicas + 1)), plan)
    not_less(make_plan(replace(work, rerank_share=min(1.0, work.rerank_share * factor))), plan)


@settings(deadline=None, max_examples=50)
@given(work=workloads)
def test_the_machines_hold_what_they_must_and_the_costs_add_up(work: Workload) -> None:
    machines, prices = Machines(node_cores=8, node_gb=64), Prices(node_hour=2.0, gpu_hour=3.0, gb_month=0.01)
    plan = make_plan(work, machines, prices)
    nodes = plan.milvus.query_nodes
    assert nodes * machines.node_gb * machines.memory_use >= work.replicas * plan.milvus.copy_gb
    assert nodes * machines.node_cores * machines.cpu_use >= plan.milvus.cores_busy * (1 - 1e-9)
    assert plan.vlm.gpus * machines.gpu_use >= plan.vlm.reranked_per_s * plan.vlm.gpu_s * (1 - 1e-9)
    assert plan.service.replicas >= 2
    cost = plan.cost_month
    assert cost.total == pytest.approx(cost.milvus + cost.vlm + cost.service + cost.storage)
    assert cost.vlm == pytest.approx(plan.vlm.gpus * 3.0 * 730)
    assert (plan.milvus.mode == "standalone") == (plan.milvus.other_nodes == 0)


def test_without_reranking_there_are_no_gpus() -> None:
    plan = make_plan(replace(BASE, rerank_share=0.0))
    assert (plan.vlm.gpus, plan.cost_month.vlm, plan.network.model_mbit_s) == (0, 0, 0)


def test_vectors_are_four_bytes_a_number_and_hnsw_has_its_links() -> None:
    assert index_bytes(replace(BASE, index="FLAT")) == 0
    assert index_bytes(replace(BASE, index="IVF_FLAT")) == 8
    # 33 numbers below, 17 on a fifteenth of an upper layer on average, and a label.
    assert index_bytes(replace(BASE, m=16)) == pytest.approx(4 * 33 + 4 * 17 / 15 + 8)
    wide, narrow = (milvus_needs(replace(BASE, dimension=d)).memory_bytes for d in (768, 384))
    assert wide - narrow == pytest.approx(BASE.rows * 4 * 384)


def cpu(index: IndexType) -> float:
    return milvus_needs(replace(BASE, index=index)).cpu_s


def test_comparing_everything_is_the_dearest_search() -> None:
    assert cpu("HNSW") < cpu("IVF_FLAT") < cpu("FLAT")


def test_tokens_are_those_of_the_model_and_fewer_crops_are_cheaper() -> None:
    found = tokens(BASE)
    # The panel of nine, 1200 × 900, and the photograph, 1024 × 768: 4 × 3 crops each (notes on Phi-3 Vision).
    assert (found.panel, found.crops) == (1921, 26)
    assert found.read > 2 * 1921
    assert tokens(replace(BASE, crops=4)).panel == 757
    assert tokens(replace(BASE, crops=1)).panel == 313
    costs = [gpu_s(replace(BASE, crops=crops), GPUS["h100"], Rates()) for crops in (1, 4, 16)]
    assert costs == sorted(costs)


def test_measured_rates_replace_the_data_sheet() -> None:
    found = tokens(BASE)
    seconds = gpu_s(BASE, GPUS["l4"], Rates(1000.0, 100.0))
    assert seconds == pytest.approx(found.read / 1000 + found.written / 100)
    assert gpu_s(BASE, GPUS["h100"], Rates(1000.0, 100.0)) == seconds
    assert gpu_s(BASE, GPUS["h200"], Rates()) < gpu_s(BASE, GPUS["l4"], Rates())


@pytest.mark.parametrize(
    "wrong",
    [{"products": 0}, {"qps": -1.0}, {"rerank_share": 1.1}, {"index": "DISKANN"}, {"candidates": 27}, {"dimension": 0}],
)
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(BASE, **wrong)


def test_machines_that_are_too_small_and_unknown_gpus_are_refused() -> None:
    with pytest.raises(ValueError, match="memory"):
        make_plan(BASE, Machines(node_gb=0.3))
    with pytest.raises(ValueError, match="h100"):
        make_plan(BASE, Machines(gpu="abacus"))
    with pytest.raises(ValueError):
        Rates(prefill_tokens_per_s=0)
