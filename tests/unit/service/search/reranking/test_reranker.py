"""The interface that the pipeline calls: whatever reranks, one complete order comes back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from rerank.degraded import Degraded
from rerank.query import Query
from service.errors import RerankRequired
from service.search.online.interleaved_reranker import InterleavedReranker, choose_reranker
from service.search.pipeline import SearchPipeline
from service.search.reranking.arrangement import Reranked, in_retrieval_order
from service.search.reranking.reranker import LoadImages, PlannedReranker, Reranker, RetrievalOrder, SearchAgain
from service.search.types import RerankOptions, SearchRequest
from service.stores.store import Hit
from tests.fakes import Shop

OFF, BRIEF = RerankOptions(enabled=False), RerankOptions(prompt="rank-panel-brief")


class Backwards:
    """Shows the last product first, and asks no model."""

    candidates, instructable = 12, False

    def rerank(self, query: Query, hits: Sequence[Hit], load: LoadImages, again: SearchAgain) -> Reranked:
        assert len(load(hits[: self.candidates], None, math.inf)) == self.candidates
        return in_retrieval_order(hits[::-1])

    def overloaded(self, hits: Sequence[Hit]) -> Reranked:
        return in_retrieval_order(hits)


@pytest.fixture
def pipeline_of(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Callable[[Reranker], SearchPipeline]:
    pipeline = shop.parts.ready().pipeline

    def build(reranker: Reranker) -> SearchPipeline:
        monkeypatch.setattr(pipeline, "_choose_reranker", lambda request, id: reranker)
        return pipeline

    return build


def test_the_pipeline_retrieves_what_a_reranker_is_to_see_and_answers_with_its_order(
    pipeline_of: Callable[[Reranker], SearchPipeline], shop: Shop
) -> None:
    plain = pipeline_of(RetrievalOrder()).search(SearchRequest(text="a mug", limit=12))
    found = pipeline_of(Backwards()).search(SearchRequest(text="a mug", limit=3))
    first = [result.product.id for result in plain.results]
    assert [result.product.id for result in found.results] == first[:8:-1]
    assert found.trace is not None and list(found.trace.retrieved) == first
    assert not shop.strategy.calls and "rerank" in found.timings_ms and "rerank" not in plain.timings_ms


@pytest.mark.parametrize(
    ("request_", "kind", "candidates"),
    [
        (SearchRequest(text="a"), PlannedReranker, 9),
        (SearchRequest(text="a", rerank=OFF), RetrievalOrder, 0),
        (SearchRequest(text="a", cursor="x", rival=BRIEF), RetrievalOrder, 0),
        (SearchRequest(text="a", rerank=OFF, rival=BRIEF), InterleavedReranker, 9),
        (SearchRequest(text="a", rival=RerankOptions(candidates=15)), InterleavedReranker, 15),
        (SearchRequest(text="a", rival=OFF), InterleavedReranker, 9),
        (SearchRequest(text="a", rerank=RerankOptions(require=True), rival=BRIEF), PlannedReranker, 9),
    ],
)
def test_a_search_has_one_reranker(shop: Shop, request_: SearchRequest, kind: type, candidates: int) -> None:
    reranker = choose_reranker(shop.parts.rerank, request_, "id")
    assert isinstance(reranker, kind) and reranker.candidates == candidates


@pytest.mark.parametrize(
    ("rerank", "rival", "degraded"),
    [
        (RerankOptions(), None, Degraded.OVERLOADED),
        (RerankOptions(), BRIEF, Degraded.OVERLOADED),
        (OFF, BRIEF, None),
        (OFF, None, None),
    ],
)
def test_without_room_the_retrieval_order_is_the_answer(
    shop: Shop, rerank: RerankOptions, rival: RerankOptions | None, degraded: Degraded | None
) -> None:
    pipeline = shop.parts.ready().pipeline
    begun = pipeline.begin(SearchRequest(text="a mug", rerank=rerank, rival=rival))
    answer = pipeline.finish_without_room(begun)
    assert [result.retrieval_rank for result in answer.results] == list(range(1, 10))
    assert answer.rerank.degraded is degraded and not answer.rerank.applied and not shop.strategy.calls
    assert answer.trace is not None and answer.trace.orders.b is None and answer.trace.orders.teams == ""


def test_without_room_required_reranking_is_an_error(shop: Shop) -> None:
    pipeline = shop.parts.ready().pipeline
    begun = pipeline.begin(SearchRequest(text="a mug", rerank=RerankOptions(require=True)))
    with pytest.raises(RerankRequired):
        pipeline.finish_without_room(begun)
