"""A comparison of two retrievals: every product of either is there once, and A's answer stands where B has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank.query import Query
from service.errors import ConfigurationError, StoreUnavailable
from service.search.online.search_entry import search_entry
from service.search.query_adapter import QueryAdapter, write_adapter
from service.search.retrieval_types import CollapseOptions, HybridOptions
from service.search.types import RerankOptions, SearchRequest, SearchResponse, SearchTrace
from service.settings import load_settings
from tests.fakes import DIMENSION, FakeEncoder, Shop, make_shop

TARGET = "p13"


def write_toward(path: Path, text: str) -> Path:
    """An adapter that moves every query close to what is embedded for a text."""
    nothing, target = np.zeros((1, DIMENSION), np.float32), FakeEncoder().encode([Query(text)]).vectors[0]
    write_adapter(path, QueryAdapter(nothing, nothing.T, np.float32(100) * target), FakeEncoder.info, {})
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Twenty products; B's queries are all near the same one."""
    folder = tmp_path_factory.mktemp("shop")
    adapter = write_toward(folder / "b.safetensors", "product 13")
    return make_shop(folder, search_log=folder / "log", interleave={"query_adapter": adapter})


@pytest.fixture(autouse=True)
def _fresh(shop: Shop) -> None:
    shop.strategy.__init__()  # type: ignore[misc]


def search(shop: Shop, request: SearchRequest) -> tuple[SearchResponse, SearchTrace]:
    response = shop.parts.ready().pipeline.search(request)
    assert response.trace is not None
    return response, response.trace


def both(limit: int = 9, **reranked: Any) -> SearchRequest:
    options = RerankOptions(**reranked)
    return SearchRequest(text="a cup", limit=limit, rerank=options, rival=options)


def ids(response: SearchResponse) -> list[str]:
    return [result.product.id for result in response.results]


reranked = st.one_of(
    st.just({"enabled": False}),
    st.fixed_dictionaries({"candidates": st.integers(1, 12), "fusion_weight": st.floats(0, 1)}),
)


@settings(max_examples=40, deadline=None)
@given(a=reranked, b=reranked, limit=st.integers(1, 25), hybrid=st.booleans())
def test_every_product_of_either_is_there_once(
    shop: Shop, a: dict[str, Any], b: dict[str, Any], limit: int, hybrid: bool
) -> None:
    request = replace(both(limit, **a), rival=RerankOptions(**b), hybrid=HybridOptions() if hybrid else None)
    response, trace = search(shop, request)
    alone = shop.parts.pipeline.search(replace(request, rival=None))
    assert response.rerank.interleaved and len(trace.orders.teams) == len(trace.order)
    assert trace.orders.b is not None and len(set(trace.order)) == len(trace.order)
    assert set(trace.order) == set(trace.retrieved) == set(trace.orders.a.order) == set(trace.orders.b.order)
    assert len(response.results) == len(alone.results) == min(limit, 20)
    assert trace.orders.a.order[: len(alone.results)] == tuple(ids(alone)), "A ranks as it would alone"
    seen = ids(response)
    while response.next_cursor is not None:
        response, _ = search(shop, replace(request, cursor=response.next_cursor))
        seen += ids(response)
    assert sorted(seen) == sorted(f"p{number}" for number in range(20))


def test_what_b_alone_finds_is_shown_and_ranked_as_a_would_rank_it(shop: Shop) -> None:
    request = both(limit=2, enabled=False)
    alone = shop.parts.pipeline.search(replace(request, rival=None, limit=20))
    response, _ = search(shop, request)
    assert TARGET not in ids(alone)[:2] and TARGET in ids(response)
    shown = next(one for one in response.results if one.product.id == TARGET)
    known = next(one for one in alone.results if one.product.id == TARGET)
    assert shown.scores.retrieval == pytest.approx(known.scores.retrieval)


def test_each_side_has_its_candidates_ranked_with_their_images(shop: Shop) -> None:
    seen: list[Sequence[str]] = []
    search(shop, both(limit=3, candidates=3))
    for _, candidates, _ in shop.strategy.calls:
        assert all(one.image is not None for one in candidates)
        seen.append([one.id for one in candidates])
    assert len(seen) == 2 and seen[1][0] == TARGET and TARGET not in seen[0]


def test_the_log_tells_the_retrievals_apart(shop: Shop) -> None:
    request = both(enabled=False)
    response, trace = search(shop, request)
    line = search_entry(request, response, trace, FakeEncoder.info, with_text=True)
    assert line["a"]["retrieval"] == "no adapter"  # type: ignore[index]
    assert line["b"]["retrieval"].startswith("adapter ")  # type: ignore[index]


def test_another_weight_of_the_words_is_another_retrieval(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, search_log=tmp_path / "log", interleave={"lexical_weight": 1.0})
    request = replace(both(enabled=False), text="number 7", hybrid=HybridOptions(0.0))
    _, trace = search(shop, request)
    assert trace.orders.b is not None and trace.orders.b.order[0] == "p7" != trace.orders.a.order[0]
    assert trace.orders.b.retrieval == "no adapter, lexical weight 1"


def test_the_answer_is_that_of_a_alone_where_b_fails(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    request = both(limit=4)
    alone = ids(shop.parts.pipeline.search(replace(request, rival=None)))

    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr("service.search.online.rival_retrieval.RivalRetrieval._found", fail)
    response, trace = search(shop, request)
    assert ids(response) == alone and trace.orders.b is None and not response.rerank.interleaved


def test_retrievals_are_compared_where_the_engine_steps_back(shop: Shop) -> None:
    shop.strategy.degraded = "rerank_low_trust"
    request = both(limit=4)
    response, trace = search(shop, request)
    assert response.rerank.interleaved and not response.rerank.applied
    assert trace.orders.b is not None and trace.orders.b.order[0] == TARGET
    shop.strategy.degraded = "rerank_fault"
    response, trace = search(shop, request)
    assert not response.rerank.interleaved and ids(response) == list(trace.retrieved[:4])


def test_b_may_not_show_what_the_search_leaves_out(shop: Shop) -> None:
    request = replace(both(limit=3, enabled=False), min_score=0.9)
    response, trace = search(shop, request)
    assert response.results == () and trace.orders.b is None
    response, trace = search(shop, replace(both(limit=3, enabled=False), collapse=CollapseOptions(-1.0)))
    assert len(response.results) == 1 and trace.orders.b is None, "one product stands for all others"


def test_an_adapter_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"WITHTHIS_INTERLEAVE cannot be used\. The query adapter"):
        make_shop(tmp_path, search_log=tmp_path / "log", interleave={"query_adapter": tmp_path / "none"})


def test_two_retrievals_may_be_compared_without_a_reranker(tmp_path: Path) -> None:
    chosen = {"search_log": tmp_path, "rerank_enabled": False}
    load_settings(_env_file=None, **chosen, interleave={"enabled": False, "lexical_weight": 0.2})
    with pytest.raises(ConfigurationError, match="compare retrieval with itself"):
        load_settings(_env_file=None, **chosen, interleave={"enabled": False})
