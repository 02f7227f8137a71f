"""The search pipeline: decode → embed → retrieve → caption and rerank → a complete, explained ranking.

Synchronous and thread-safe; the API runs it in worker threads and bounds how many run at once. A search is begun
(retrieval) and finished (reranking), so a caller can show the retrieval order while reranking runs.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from rerank.stages import note
from service.errors import InvalidValue
from service.images.store.renditions import Renditions
from service.search.hybrid import HybridHit
from service.search.reranking.arrangement import RankedHit, Reranked, in_retrieval_order, rearranged
from service.search.reranking.candidate_features import FeatureUse
from service.search.reranking.candidate_images import CandidateImages, SeenImage
from service.search.reranking.reranker import LoadImages, Reranker
from service.search.retrieval import Retriever
from service.search.retrieved import Further, Retrieved
from service.search.stage_clock import StageClock
from service.search.types import ResultScores, SearchRequest, SearchResponse, SearchResult, SearchTrace
from service.stores.store import Hit

NO_INSTRUCTION = "Neither the encoder nor the reranker takes an instruction. Put it into the text, or leave it out."
STAGES = ("decode", "understand", "embed", "retrieve", "load", "extract", "caption", "rerank", "refine", "total")
"""The stages of a search in their order; `load` reads the candidates' images, or in their place features, and `extract`
makes those that there are not yet; `refine` is the second search. One that did not run has no time."""

ChooseReranker = Callable[[SearchRequest, str], Reranker]
"""The reranker of a search, by its request and id. Raises InvalidValue for options that cannot be met."""


@dataclass(frozen=True, slots=True)
class BegunSearch:
    """A search whose products are found and not yet reranked."""

    id: str
    request: SearchRequest
    retrieved: Retrieved
    reranker: Reranker
    clock: StageClock

    def preliminary(self) -> SearchResponse:
        """The answer in retrieval order, unchanged before reranking."""
        return self.respond(in_retrieval_order(self.retrieved.hits))

    def respond(self, reranked: Reranked) -> SearchResponse:
        """The answer: the first of a complete ranking of all that was found, as many as were asked for."""
        retrieved = self.retrieved if reranked.further is None else self.retrieved.extended(reranked.further)
        if retrieved.cursor is None:  # later pages are cut from what is final
            reranked = rearranged(reranked, retrieved.selection.order)
        page = reranked.kept[: retrieved.limit]
        return SearchResponse(
            id=self.id,
            caption=reranked.caption,
            truncated=retrieved.truncated,
            results=_results(page, retrieved),
            rerank=reranked.report,
            timings_ms=_timings(self.clock.total(), reranked.timings_ms or {}),
            explanation=reranked.explanation,
            images=len(retrieved.images.wanted),
            facets=retrieved.facets,
            sorted=retrieved.sorted,
            grouped=retrieved.grouped,
            # Later pages are not reranked, so what was left out would come back.
            next_cursor=None if reranked.report.dropped else self.retrieved.next_cursor([one.hit for one in page]),
            notices=retrieved.notices,
            understood=retrieved.understood,
            rules=retrieved.selection.ruling.names,
            trace=_trace(reranked, retrieved),
        )


class SearchPipeline:
    """Turns a `SearchRequest` into a `SearchResponse`."""

    def __init__(self, *, retriever: Retriever, images: Renditions, choose_reranker: ChooseReranker) -> None:
        self._retriever = retriever
        self._images = CandidateImages(images)
        self._choose_reranker = choose_reranker

    def close(self) -> None:
        """End the threads that read images; pending reads are dropped."""
        self._images.close()

    def search(self, request: SearchRequest) -> SearchResponse:
        """Answer one query.

        Raises:
            InvalidInput: something the caller can fix (empty query, unusable image, unknown product, …).
            StoreUnavailable, EncoderMismatch, TitleSearchUnavailable: the catalog cannot be searched now, or not in
            this way.
            RerankRequired: reranking failed and the request requires it.
        """
        return self.finish(self.begin(request))

    def begin(self, request: SearchRequest) -> BegunSearch:
        """Check everything that was requested and find the products. Raises as `search`, but for RerankRequired."""
        id, clock = uuid.uuid4().hex, StageClock()
        self._retriever.check(request)
        reranker = self._choose_reranker(request, id)
        is_heard = self._retriever.instructable or reranker.instructable or request.keeps_order
        if request.instruction and not is_heard:
            raise InvalidValue(NO_INSTRUCTION, errors=[{"pointer": "/instruction", "detail": NO_INSTRUCTION}])
        found = self._retriever.retrieve(request, clock, candidates=reranker.candidates)
        return BegunSearch(id, request, found, reranker, clock)

    def finish(self, begun: BegunSearch) -> SearchResponse:
        """Rerank what was found. Raises RerankRequired, and InvalidValue for a prompt that does not fit the engine."""
        if not begun.reranker.candidates:
            return begun.preliminary()
        hits = begun.retrieved.hits
        with begun.clock.stage("rerank"):
            again = _Again(self._retriever, begun)
            reranked = begun.reranker.rerank(begun.retrieved.query, hits, self._loader(begun), again)
            _note(reranked, min(begun.reranker.candidates, len(hits)))
        return begun.respond(reranked)

    def finish_without_room(self, begun: BegunSearch) -> SearchResponse:
        """The answer if too many others wait for the reranker: retrieval order at once. Raises RerankRequired."""
        return begun.respond(begun.reranker.overloaded(begun.retrieved.hits))

    def _loader(self, begun: BegunSearch) -> LoadImages:
        """Loads what rerankers are to see of this search's hits, each once."""
        loaded: dict[tuple[str, FeatureUse | None], SeenImage] = {}

        def load(hits: Sequence[Hit], use: FeatureUse | None, deadline: float) -> Sequence[SeenImage]:
            keys = [(hit.product.image_key, use) for hit in hits]
            new = [hit for hit, key in zip(hits, keys, strict=True) if key not in loaded]
            read = self._images.read(new, use, deadline, begun.clock)
            loaded.update(zip(((hit.product.image_key, use) for hit in new), read, strict=True))
            return [loaded[key] for key in keys]

        return load


@dataclass(frozen=True, slots=True)
class _Again:
    """See `SearchAgain`."""

    retriever: Retriever
    begun: BegunSearch

    def toward(self, best: Sequence[Hit], known: Collection[str], most: int) -> Further:
        first, request = self.begun.retrieved, self.begun.request
        with self.begun.clock.stage("refine"):
            return self.retriever.again(first, request, best, known=known, most=most)

    def including(self, hits: Sequence[Hit]) -> Further:
        return self.retriever.including(self.begun.retrieved, self.begun.request, hits)


def _note(reranked: Reranked, candidates: int) -> None:
    """Tell an observer of the stage how the order came about."""
    report = reranked.orders.a.report
    note(
        candidates=candidates,
        engine=report.engine,
        strategy=report.strategy,
        prompt=report.prompt,
        fault=report.fault,
        degraded=report.degraded,
    )


def _trace(reranked: Reranked, retrieved: Retrieved) -> SearchTrace:
    return SearchTrace(
        image_hashes=retrieved.images.hashes,
        negative_hash=retrieved.images.unwanted_hash,
        offset=retrieved.offset,
        retrieved=tuple(hit.product_id for hit in retrieved.hits),
        order=tuple(ranked.hit.product_id for ranked in reranked.hits),
        orders=reranked.orders,
    )


def _timings(seen: Mapping[str, float], by_model: Mapping[str, float]) -> dict[str, float]:
    """Stages in their order. The model's own times separate captioning from ranking; the clock measured both."""
    known = {**seen, **by_model}
    return {stage: known[stage] for stage in STAGES if stage in known}


def _results(hits: Sequence[RankedHit], retrieved: Retrieved) -> tuple[SearchResult, ...]:
    first, selection = retrieved.offset + 1, retrieved.selection
    return tuple(
        SearchResult(
            rank=rank,
            retrieval_rank=selection.ranks[ranked.hit.product_id],
            product=ranked.hit.product,
            scores=_scores(ranked),
            duplicates=selection.duplicates.get(ranked.hit.product_id, ()),
            group=selection.groups.get(ranked.hit.product_id),
            rules=selection.ruling.moving(ranked.hit.product),
            below_min_score=ranked.below_min_score,
        )
        for rank, ranked in enumerate(hits, start=first)
    )


def _scores(ranked: RankedHit) -> ResultScores:
    hybrid = ranked.hit.hybrid if isinstance(ranked.hit, HybridHit) else None
    return ResultScores(ranked.hit.score, ranked.rerank_score, ranked.fused_score, hybrid)
