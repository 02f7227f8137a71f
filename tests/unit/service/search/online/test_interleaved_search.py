"""A search under two configurations: always complete, no call of the model too many, and A's answer where B fails."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank.degraded import Degraded
from rerank.errors import LayoutError
from rerank.ranking import Ranking
from service.app import online_options
from service.errors import ConfigurationError
from service.search.online.evaluation import OnlineEvaluation, check_rival
from service.search.online.rival import Rival
from service.search.types import RerankOptions, SearchRequest, SearchResponse, SearchTrace
from service.settings import Settings, load_settings
from tests.fakes import FakeStrategy, Shop, make_shop

OTHER_PROMPT = {"prompt": "rank-panel-brief"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Twenty products, shared: each test sets the strategy for itself."""
    return make_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(autouse=True)
def _fresh(shop: Shop) -> None:
    shop.strategy.__init__()  # type: ignore[misc]


def search(shop: Shop, rival: dict[str, Any], *, limit: int = 9, cursor: str | None = None, **a: Any) -> SearchResponse:
    options = RerankOptions(**a)
    request = SearchRequest(text="a mug", limit=limit, rerank=options, rival=RerankOptions(**rival), cursor=cursor)
    return shop.parts.ready().pipeline.search(request)


def trace_of(response: SearchResponse) -> SearchTrace:
    assert response.trace is not None
    return response.trace


def ids(response: SearchResponse) -> list[str]:
    return [result.product.id for result in response.results]


def answers(strategy: FakeStrategy, orders: Sequence[Sequence[int]]) -> None:
    """Have the strategy give these orders, one a call."""
    left = iter(orders)
    strategy.behave = lambda n: Ranking(tuple(next(left)))


options = st.fixed_dictionaries(
    {},
    optional={
        "enabled": st.booleans(),
        "candidates": st.integers(1, 25),
        "fusion_weight": st.floats(0, 1),
        "prompt": st.sampled_from(["rank-panel", "rank-panel-brief"]),
    },
)


@settings(max_examples=60, deadline=None)
@given(a=options, b=options, limit=st.integers(1, 25), seed=st.randoms(use_true_random=False))
def test_every_product_is_there_once_on_the_first_page_and_those_behind_it(
    shop: Shop, a: dict[str, Any], b: dict[str, Any], limit: int, seed: Any
) -> None:
    shop.strategy.behave = lambda n: Ranking(tuple(seed.sample(range(n), n)))
    response = search(shop, b, limit=limit, **a)
    trace = trace_of(response)
    assert sorted(trace.order) == sorted(trace.retrieved) == sorted(trace.orders.a.order)
    assert ids(response) == list(trace.order[: response_limit(limit)])
    if trace.orders.teams:
        assert trace.orders.b is not None and sorted(trace.orders.b.order) == sorted(trace.order)
        assert response.rerank.interleaved and len(trace.orders.teams) == len(trace.order)
    seen = ids(response)
    while response.next_cursor is not None:
        response = search(shop, b, limit=limit, cursor=response.next_cursor, **{**a, "require": False})
        assert trace_of(response).orders.b is None and not response.rerank.interleaved
        seen += ids(response)
    assert sorted(seen) == sorted(f"p{number}" for number in range(20))


def response_limit(limit: int) -> int:
    return min(limit, 20)


@pytest.mark.parametrize(
    ("a", "b", "calls"),
    [
        ({}, {"fusion_weight": 0.5}, 1),
        ({}, {"fusion_method": "scores"}, 1),
        ({}, {}, 1),
        ({}, {"enabled": False}, 1),
        ({"enabled": False}, {}, 1),
        ({}, OTHER_PROMPT, 2),
        ({}, {"candidates": 5}, 2),
        ({"enabled": False}, {"enabled": False}, 0),
    ],
)
def test_the_model_is_asked_no_more_often_than_the_two_differ(
    shop: Shop, a: dict[str, Any], b: dict[str, Any], calls: int
) -> None:
    trace = trace_of(search(shop, b, **a))
    assert len(shop.strategy.calls) == calls
    assert bool(trace.orders.teams) == bool(calls)


def test_products_come_from_the_side_that_picked_them(shop: Shop) -> None:
    a, b = [2, 0, 1, 3], [3, 1, 0, 2]
    answers(shop.strategy, [a, b])
    response = search(shop, {**OTHER_PROMPT, "candidates": 4}, limit=4, candidates=4)
    trace = trace_of(response)
    assert [trace.retrieved.index(id) for id in trace.orders.a.order] == a
    assert trace.orders.b is not None and [trace.retrieved.index(id) for id in trace.orders.b.order] == b
    for place, (id, team) in enumerate(zip(trace.order, trace.orders.teams, strict=True)):
        side = trace.orders.a if team == "A" else trace.orders.b
        assert id == next(one for one in side.order if one not in trace.order[:place])
    assert response.rerank.applied and response.timings_ms["rerank"] == 4.0, "the time of both calls"


def test_the_first_page_is_as_long_as_b_needs_and_no_longer(shop: Shop) -> None:
    trace = trace_of(search(shop, {"candidates": 15}, limit=3))
    assert len(trace.order) == 15 and [len(call[1]) for call in shop.strategy.calls] == [9, 15]


@pytest.mark.parametrize("which", [0, 1])
def test_where_one_of_them_fails_the_answer_is_that_of_a_alone(shop: Shop, which: int) -> None:
    alone = ids(search(shop, {"enabled": False}, enabled=True)) and ids(
        shop.parts.ready().pipeline.search(SearchRequest(text="a mug"))
    )
    shop.strategy.calls.clear()

    def behave(n: int) -> Ranking:
        if len(shop.strategy.calls) == which + 1:
            raise RuntimeError
        return Ranking(tuple(reversed(range(n))))

    shop.strategy.behave = behave
    response = search(shop, OTHER_PROMPT)
    trace = trace_of(response)
    assert trace.orders.teams == "" and not response.rerank.interleaved
    if which == 0:
        assert response.rerank.degraded is Degraded.ERROR and ids(response) == list(trace.retrieved)
        assert trace.orders.b is None and len(shop.strategy.calls) == 1
    else:
        assert response.rerank.applied and ids(response) == alone
        assert trace.orders.b is not None and trace.orders.b.report.degraded is Degraded.ERROR


def test_a_prompt_that_fits_nothing_costs_the_comparison_alone(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    def behave(n: int) -> Ranking:
        if len(shop.strategy.calls) == 2:
            raise LayoutError("images")
        return Ranking(tuple(range(n)))

    shop.strategy.behave = behave
    with caplog.at_level(logging.WARNING):
        response = search(shop, OTHER_PROMPT)
    assert response.rerank.applied and trace_of(response).orders.b is None
    assert "WITHTHIS_INTERLEAVE" in caplog.text


def test_both_share_one_deadline(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([100.0, 100.7])
    monkeypatch.setattr("service.search.online.interleaved_reranker.time.monotonic", lambda: next(ticks, 200.0))
    response = search(shop, {**OTHER_PROMPT, "deadline_ms": 500}, deadline_ms=500)
    trace = trace_of(response)
    assert len(shop.strategy.calls) == 1 and response.rerank.applied
    assert trace.orders.b is not None and trace.orders.b.report.degraded is Degraded.TIMEOUT and not trace.orders.teams


def test_nothing_found_is_nothing_to_compare(tmp_path: Path) -> None:
    empty = make_shop(tmp_path, products=0)
    response = search(empty, OTHER_PROMPT)
    assert response.results == () and not response.rerank.interleaved and not empty.strategy.calls


def online(folder: Path, **chosen: Any) -> OnlineEvaluation:
    settings = Settings(_env_file=None, search_log=folder, **{"interleave": {}, "interleave_share": 1.0, **chosen})
    return OnlineEvaluation(online_options(settings), lambda result, lines: None)


def test_searches_that_choose_for_themselves_are_left_alone(tmp_path: Path) -> None:
    drawn = online(tmp_path, interleave={"fusion_weight": 0.5}).drawn
    plain = SearchRequest(text="a", rerank=RerankOptions(deadline_ms=900))
    assert drawn(plain).rival == RerankOptions(fusion_weight=0.5, deadline_ms=900)
    chosen = [{"strategy": "x"}, {"prompt": "x"}, {"candidates": 3}, {"fusion_weight": 1.0}, {"fusion_method": "rrf"}]
    for choice in [*chosen, {"require": True}, {"explain": True}, {"enabled": False}]:
        request = SearchRequest(text="a", rerank=RerankOptions(**choice))  # type: ignore[arg-type]
        assert drawn(request) is request, choice
    later = SearchRequest(text="a", cursor="x")
    assert drawn(later) is later


@pytest.mark.parametrize("reranked", [False, True])
def test_a_rival_in_retrieval_reranks_as_the_service_does(tmp_path: Path, reranked: bool) -> None:
    def rival(**interleave: Any) -> RerankOptions | None:
        evaluation = online(tmp_path, rerank_enabled=reranked, interleave=interleave)
        return evaluation.drawn(SearchRequest(text="a", rerank=RerankOptions(enabled=reranked))).rival

    assert rival(lexical_weight=0.3) == RerankOptions(enabled=reranked)
    assert rival(lexical_weight=0.3, enabled=True) == RerankOptions(enabled=True)
    assert rival(fusion_weight=0.5) == RerankOptions(fusion_weight=0.5)


def test_a_share_of_the_traffic_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = online(tmp_path, interleave_share=0.25).drawn
    for number, taken in ((0.24, True), (0.25, False), (0.9, False)):
        monkeypatch.setattr("service.search.online.evaluation.random.random", lambda number=number: number)
        assert (drawn(SearchRequest(text="a")).rival is not None) == taken
    off = OnlineEvaluation(online_options(Settings(_env_file=None)), lambda result, lines: None)
    assert off.drawn(SearchRequest(text="a")).rival is None


def test_a_rival_that_cannot_be_stops_the_start(shop: Shop) -> None:
    check_rival(Rival(prompt="rank-panel"), shop.parts.rerank)
    for rival in (Rival(strategy="nothing"), Rival(prompt="nothing")):
        with pytest.raises(ConfigurationError, match=r"WITHTHIS_INTERLEAVE cannot be used\. There is no such"):
            check_rival(rival, shop.parts.rerank)


@pytest.mark.parametrize(
    "wrong",
    [
        {"feedback": True},
        {"interleave": {"fusion_weight": 0.5}},
        {"interleave": {"fusion_weight": 2}, "search_log": "log"},
        {"interleave": {"limit": 3}, "search_log": "log"},
        {"interleave": {"enabled": False}, "search_log": "log", "rerank_enabled": False},
        {"interleave_share": 0},
    ],
)
def test_settings_that_make_no_sense_together_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        load_settings(_env_file=None, **wrong)
