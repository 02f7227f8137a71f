"""A search that is refined: complete, of products that match, each once over all pages, and in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.query import Query
from rerank.ranking import Fault, Ranking
from rerank.strategies.strategy import RerankOutcome
from service.errors import StoreUnavailable
from service.search.online.interleaved_reranker import choose_reranker
from service.search.reranking.refining_reranker import RefiningReranker
from service.search.retrieval_types import CollapseOptions, DiversityOptions, FacetOptions, GroupOptions, HybridOptions
from service.search.second_search import POSITIVE_WEIGHT, moved_toward
from service.search.types import Refined, RerankOptions, SearchRequest, SearchResponse
from service.stores.filters import Filter
from service.wire.rules import RulesBody
from tests.conftest import open_client
from tests.fakes import FakeStrategy, Shop, make_shop, reverse

MUGS = Filter.model_validate({"category": {"eq": "mug"}})
LONG = 3_600_000.0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Forty products of which a search looks at eight: most of what a second search finds is new to the first."""
    return make_shop(tmp_path_factory.mktemp("shop"), products=40, max_limit=8, default_limit=4, search_window=8)


@pytest.fixture(autouse=True)
def _fresh(shop: Shop) -> None:
    shop.strategy.__init__()  # type: ignore[misc]


def search(shop: Shop, *, text: str = "a bag", limit: int = 4, **rerank: Any) -> SearchResponse:
    options = RerankOptions(**{"candidates": 4, "refine": True, "deadline_ms": 60_000, **rerank})
    return ask(shop, SearchRequest(text=text, limit=limit, rerank=options))


def ask(shop: Shop, request: SearchRequest) -> SearchResponse:
    return shop.parts.ready().pipeline.search(request)


def ids(response: SearchResponse) -> list[str]:
    return [result.product.id for result in response.results]


def refined(response: SearchResponse) -> Refined:
    assert response.rerank.refined is not None
    return response.rerank.refined


def similarity(shop: Shop, text: str, id: str) -> float:
    row = next(row for row in shop.store.rows.values() if row.product_id == id)
    return float(shop.encoder.encode([Query(text)]).vectors[0] @ row.vector)


def test_the_query_moves_toward_the_best_by_rocchios_formula() -> None:
    query, best = np.eye(3, dtype=np.float32)[0], [np.eye(3, dtype=np.float32)[1], np.eye(3, dtype=np.float32)[2]]
    expected = np.array([1.0, POSITIVE_WEIGHT / 2, POSITIVE_WEIGHT / 2])
    moved = moved_toward(query, best)
    np.testing.assert_allclose(moved, expected / np.linalg.norm(expected), rtol=1e-6)
    np.testing.assert_array_equal(moved_toward(query, []), query)  # all of them were deleted meanwhile


requests = st.fixed_dictionaries(
    {
        "text": st.sampled_from(["a bag", "a cap", "something", "product 7"]),
        "limit": st.integers(1, 8),
        "filter": st.sampled_from([None, MUGS]),
        "min_score": st.sampled_from([None, 0.0, 0.3]),
        "hybrid": st.sampled_from([None, HybridOptions(required=False)]),
        "collapse": st.sampled_from([None, CollapseOptions(0.7)]),
        "group_by": st.sampled_from([None, GroupOptions("category", size=50)]),
        "diversity": st.sampled_from([None, DiversityOptions(0.4)]),
        "facets": st.sampled_from([(), (FacetOptions("category"),)]),
    }
)
ways = st.fixed_dictionaries(
    {
        "candidates": st.integers(1, 8),
        "fusion_weight": st.sampled_from([0.0, 0.5, 1.0]),
        "fusion_method": st.sampled_from(["rrf", "scores"]),
    }
)


@settings(max_examples=60, deadline=None)
@given(requests, ways, st.sampled_from(["absolute", "relative"]), st.randoms(use_true_random=False))
def test_every_page_holds_what_matches_once_and_none_of_what_the_search_found_is_lost(
    shop: Shop, asked: dict[str, Any], way: dict[str, Any], scale: Any, random: Any
) -> None:
    shop.strategy.scale, shop.strategy.behave = scale, lambda n: shuffled(n, random)
    request = SearchRequest(**asked, rerank=RerankOptions(refine=True, deadline_ms=60_000, **way))
    response = ask(shop, request)
    trace, first, report = response.trace, ids(response), refined(response)
    assert trace is not None and sorted(trace.order) == sorted(trace.retrieved)
    assert report.applied and 0 <= report.new <= way["candidates"] // 2
    plain = ask(shop, replace(request, limit=8, rerank=RerankOptions(enabled=False)))
    looked_at, seen = set(ids(plain)), list(first)
    assert len(set(trace.order) - looked_at) <= report.new
    for result in response.results:
        assert asked["filter"] is None or result.product.category == "mug"
        assert result.scores.retrieval == pytest.approx(similarity(shop, asked["text"], result.product.id), abs=1e-5)
        assert asked["min_score"] is None or result.scores.retrieval >= asked["min_score"]
    while response.next_cursor is not None and len(seen) < 8:
        response = ask(shop, replace(request, cursor=response.next_cursor))
        assert response.results, "a cursor leads to products"
        seen += ids(response)
    assert len(seen) == len(set(seen)), "no product comes twice"
    assert response.next_cursor is not None or looked_at <= set(seen) | hidden(response, plain), "none is lost"
    assert set(seen) <= looked_at | set(first)


def hidden(*responses: SearchResponse) -> set[str]:
    results = [result for response in responses for result in response.results]
    inside = {member.product.id for result in results if result.group for member in result.group.members}
    return inside | {one.product_id for result in results for one in result.duplicates}


def shuffled(n: int, random: Any) -> Ranking:
    order = random.sample(range(n), n)
    return Ranking(tuple(order), scores=tuple(1 - order.index(place) / max(1, n) for place in range(n)))


def test_what_a_second_search_finds_is_ranked_with_the_best_of_the_first(shop: Shop) -> None:
    before, after = search(shop, refine=False, limit=8), search(shop, limit=8)
    first, second = (candidates for _, candidates, _ in shop.strategy.calls[1:])
    assert before.rerank.refined is None and refined(after) == Refined(True, 2)
    kept, new = ids(before)[:2], {one.id for one in second} - {one.id for one in first}
    assert {one.id for one in second} == {*kept, *new} and len(new) == 2
    assert (
        ids(after) == [one.id for one in reversed(second)] + [id for id in ids(before) if id not in {*kept, *new}][:4]
    )
    assert all(one.image is not None for one in second), "new ones are shown with their images"
    assert {"refine", "load", "retrieve"} <= after.timings_ms.keys() and after.timings_ms["rerank"] == 4.0
    assert after.trace is not None and after.trace.orders.a.order == after.trace.order


def test_absolute_scores_are_asked_for_the_new_products_alone_and_compared(shop: Shop) -> None:
    shop.strategy.scale = "absolute"
    scores = iter([(0.1, 0.3, 0.5, 0.9), (0.2, 0.7)])
    shop.strategy.behave = lambda n: by(next(scores))
    after = search(shop, limit=8)
    first, second = (candidates for _, candidates, _ in shop.strategy.calls)
    assert len(second) == 2 and not {one.id for one in first} & {one.id for one in second}
    assert [one.scores.rerank for one in after.results[:6]] == [0.9, 0.7, 0.5, 0.3, 0.2, 0.1]
    known = dict(zip([one.id for one in [*first, *second]], [0.1, 0.3, 0.5, 0.9, 0.2, 0.7], strict=True))
    assert {one.product.id: one.scores.rerank for one in after.results[:6]} == known
    assert after.rerank.fault is Fault.OK


def by(scores: tuple[float, ...]) -> Ranking:
    return Ranking(tuple(sorted(range(len(scores)), key=lambda place: -scores[place])), scores=scores)


def test_a_least_score_holds_for_new_products_and_moves_nothing_toward_those_below(shop: Shop) -> None:
    shop.strategy.scale = "absolute"
    scores = iter([(0.1, 0.3, 0.5, 0.9), (0.2, 0.7)])
    shop.strategy.behave = lambda n: by(next(scores))
    after = search(shop, limit=8, min_score=0.4)
    assert [one.scores.rerank for one in after.results] == [0.9, 0.7, 0.5]
    assert after.rerank.dropped > 0 and after.next_cursor is None
    shop.strategy.behave = lambda n: by((0.1, 0.2, 0.3, 0.05)[:n])
    nothing = search(shop, limit=8, min_score=0.4)
    assert nothing.results == () and refined(nothing) == Refined(True, 0)


def test_where_nothing_new_is_found_the_model_is_asked_once(shop: Shop, tmp_path: Path) -> None:
    small = make_shop(tmp_path, products=4)
    assert refined(search(small)) == Refined(True, 0)
    assert [len(candidates) for _, candidates, _ in small.strategy.calls] == [4, 0]


class Late(FakeStrategy):
    """Says that a call takes an hour."""

    def rerank(self, *args: Any, **kwargs: Any) -> RerankOutcome:
        return replace(super().rerank(*args, **kwargs), timings_ms={"rerank": LONG})


def unreadable(n: int) -> Ranking:
    return Ranking.completed([], n, Fault.REFUSAL)


def fail_the_store(shop: Shop) -> None:
    shop.store.failure = StoreUnavailable()


@pytest.mark.parametrize(
    ("trouble", "degraded"), [(lambda shop: None, Degraded.UNUSABLE), (fail_the_store, Degraded.ERROR)]
)
def test_a_second_round_that_fails_costs_nothing_of_the_first(
    tmp_path: Path, trouble: Callable[[Shop], None], degraded: Degraded
) -> None:
    shop = make_shop(tmp_path)
    plain = search(shop, refine=False)
    calls = []

    def behave(n: int) -> Ranking:
        calls.append(n)
        trouble(shop)
        return reverse(n) if len(calls) == 1 else unreadable(n)

    shop.strategy.behave = behave
    after = search(shop, require=True)
    assert ids(after) == ids(plain) and after.rerank.applied and after.rerank.degraded is None
    assert refined(after) == Refined(False, 0, degraded)
    assert after.next_cursor == plain.next_cursor


def test_without_time_for_a_second_call_the_first_ranking_is_the_answer(tmp_path: Path) -> None:
    strategy = Late()
    shop = make_shop(tmp_path, strategy=strategy)
    plain, after = search(shop, refine=False), search(shop)
    assert ids(after) == ids(plain) and after.rerank.applied
    assert refined(after) == Refined(False, 0, Degraded.TIMEOUT)
    assert len(strategy.calls) == 2, "one call for each search"


def test_a_ranking_that_was_not_applied_is_not_refined(shop: Shop) -> None:
    shop.strategy.degraded = "rerank_error"
    after = search(shop)
    assert [one.retrieval_rank for one in after.results] == [1, 2, 3, 4]
    assert refined(after) == Refined(False, 0, Degraded.ERROR) and len(shop.strategy.calls) == 1
    begun = shop.parts.pipeline.begin(SearchRequest(text="a mug", limit=4, rerank=RerankOptions(refine=True)))
    assert refined(shop.parts.pipeline.finish_without_room(begun)) == Refined(False, 0, Degraded.OVERLOADED)


def test_rules_hold_for_new_products(tmp_path: Path) -> None:
    def shop_with(*rules: dict[str, Any]) -> Shop:
        shop = make_shop(tmp_path, products=40, max_limit=8, default_limit=4, search_window=8)
        body = tuple(RulesBody.model_validate({"rules": list(rules)}).rules)
        shop.parts.ready().pipeline._retriever._rules = lambda query: body
        return shop

    plain = shop_with()
    looked_at = set(ids(search(plain, limit=8, refine=False)))
    new = [id for id in ids(search(plain, limit=8)) if id not in looked_at]
    assert new
    boost = {"name": "up", "boost": {"filter": {"id": {"eq": new[0]}}, "weight": 10.0}}
    boosted = search(shop_with(boost), limit=8)
    assert ids(boosted)[0] == new[0] and boosted.rules == ("up",) == boosted.results[0].rules
    excluded = search(shop_with({"name": "out", "exclude": {"id": {"in": new}}}), limit=8)
    assert not set(new) & set(ids(excluded))


def test_a_refined_search_is_not_interleaved(shop: Shop) -> None:
    request = SearchRequest(text="a mug", rerank=RerankOptions(refine=True), rival=RerankOptions(prompt="rank-panel"))
    assert isinstance(choose_reranker(shop.parts.rerank, request, "id"), RefiningReranker)
    off = replace(request, rerank=RerankOptions(refine=True, enabled=False), rival=None)
    assert choose_reranker(shop.parts.rerank, off, "id").candidates == 0


def test_the_answer_over_http_says_what_came_in(shop: Shop) -> None:
    body = {"text": "a bag", "limit": 8, "rerank": {"candidates": 4, "refine": True, "deadline_ms": 60_000}}
    with open_client(shop) as client:
        answer = client.post("/v1/search", json=body).json()
        events = client.post("/v1/search/stream", json=body).text
    assert answer["rerank"]["refined"] == {"applied": True, "new": 2, "degraded": None}
    assert [result["rank"] for result in answer["results"]] == list(range(1, 9))
    assert max(result["retrieval_rank"] for result in answer["results"]) > 8, "behind everything that was found first"
    assert '"refined":null' in events.partition("event: ranked")[0]
    assert '"refined":{"applied":true,"new":2,"degraded":null}' in events.partition("event: ranked")[2]


def test_candidates_have_the_scores_of_the_query_as_it_was_sent(shop: Shop) -> None:
    search(shop)
    shown: list[Candidate] = [one for _, candidates, _ in shop.strategy.calls for one in candidates]
    for one in shown:
        assert one.score == pytest.approx(similarity(shop, "a bag", one.id), abs=1e-5)
