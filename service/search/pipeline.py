"""The search pipeline: decode → embed → retrieve → caption and rerank → a complete, explained ranking.

Synchronous and thread-safe; the API runs it in worker threads and bounds how many run at once. A search is begun
(retrieval) and finished (reranking), so a caller can show the retrieval order while reranking runs.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import cache

from PIL.Image import Image

from rerank.cancellation import check_cancelled
from rerank.candidates import RerankQuery
from rerank.degraded import Degraded
from rerank.stages import Fact, note
from service.errors import ImageNotFound, ImageStoreUnavailable, InvalidImage
from service.images.store.image_store import ImageStore
from service.search.hybrid import HybridHit
from service.search.online.interleaved_rerank import Side, interleaved, rank_both, retrieved_side
from service.search.reranking.stage import LoadImages, RankedHit, RerankCall, Reranked, RerankPlan, RerankStage
from service.search.retrieval import DecodedQuery, Retrieved, Retriever
from service.search.stage_clock import StageClock
from service.search.types import (
    RerankOptions,
    RerankReport,
    ResultScores,
    SearchRequest,
    SearchResponse,
    SearchResult,
    SearchTrace,
)
from service.stores.store import Hit

logger = logging.getLogger(__name__)

STAGES = ("decode", "understand", "embed", "retrieve", "load", "caption", "rerank", "total")
"""The stages of a search in their order; `load` reads the candidates' images. One that did not run has no time."""

_READERS = 16
"""Candidates' images are read concurrently, for all searches together: a remote store answers many as soon as one."""


@dataclass(frozen=True, slots=True)
class BegunSearch:
    """A search whose products are found and not yet reranked; `plan` is None if they are not to be.

    `rival`: a second plan, or None for retrieval alone; its order counts only where the search `is_contest`.
    """

    id: str
    retrieved: Retrieved
    plan: RerankPlan | None
    clock: StageClock
    rival: RerankPlan | None = None
    is_contest: bool = False

    @property
    def depth(self) -> int:
        """How many of the products found a reranker is to see."""
        return _depth(self.plan, self.rival)

    def preliminary(self) -> SearchResponse:
        """The answer in retrieval order, unchanged before reranking."""
        return self.respond(retrieved_side(self.retrieved.hits))

    def respond(self, a: Side, b: Side | None = None) -> SearchResponse:
        """The answer: the first of a complete ranking of all that was found, as many as were asked for.

        Two orders are interleaved if both are their configurations' own.
        """
        reranked, teams = a.reranked, ""
        if b is not None and a.is_as_planned and b.is_as_planned and a.reranked.hits:
            reranked, teams = interleaved(a, b, self.id)
        page = reranked.hits[: self.retrieved.limit]
        return SearchResponse(
            id=self.id,
            caption=reranked.caption,
            truncated=self.retrieved.truncated,
            results=_results(page, self.retrieved),
            rerank=reranked.report,
            timings_ms=_timings(self.clock.total(), reranked.timings_ms or {}),
            explanation=reranked.explanation,
            facets=self.retrieved.facets,
            next_cursor=self.retrieved.next_cursor([ranked.hit for ranked in page]),
            notices=self.retrieved.notices,
            understood=self.retrieved.understood,
            trace=self._trace(reranked, a, b, teams),
        )

    def _trace(self, reranked: Reranked, a: Side, b: Side | None, teams: str) -> SearchTrace:
        image = self.retrieved.query.image
        return SearchTrace(
            image_hash=image.content_hash if image else None,
            offset=self.retrieved.offset,
            retrieved=tuple(hit.product_id for hit in self.retrieved.hits),
            order=tuple(ranked.hit.product_id for ranked in reranked.hits),
            a=a.ranked_by(),
            b=b.ranked_by() if b else None,
            teams=teams,
        )


class SearchPipeline:
    """Turns a `SearchRequest` into a `SearchResponse`."""

    def __init__(self, *, retriever: Retriever, images: ImageStore, rerank: RerankStage) -> None:
        self._retriever = retriever
        self._images = images
        self._rerank = rerank
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="candidate-images")  # threads start when needed

    def close(self) -> None:
        """End the threads that read images; pending reads are dropped."""
        self._readers.shutdown(wait=False, cancel_futures=True)

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
        clock = StageClock()
        self._retriever.check(request)
        first = request.cursor is None  # later pages are in retrieval order
        plan = self._plan(request.rerank) if first else None
        rival = self._plan(request.rival) if first and request.rival else None
        found = self._retriever.retrieve(request, clock, candidates=_depth(plan, rival))
        contest = first and request.rival is not None and not request.rerank.require
        return BegunSearch(uuid.uuid4().hex, found, plan, clock, rival, contest)

    def finish(self, begun: BegunSearch) -> SearchResponse:
        """Rerank what was found. Raises RerankRequired, and InvalidValue for a prompt that does not fit the engine."""
        if not begun.depth:
            return begun.preliminary()
        with begun.clock.stage("rerank"):
            a, b = self._sides(begun, _rerank_query(begun.retrieved.query), self._loader(begun))
            note(candidates=min(begun.depth, len(begun.retrieved.hits)), **_provenance(a.reranked.report))
        return begun.respond(a, b)

    def finish_without_room(self, begun: BegunSearch) -> SearchResponse:
        """The answer if too many others wait for the reranker: retrieval order at once. Raises RerankRequired."""
        if begun.plan is None:
            return begun.preliminary()
        plan, hits = begun.plan, begun.retrieved.hits
        unranked = self._rerank.arrange(plan, hits, RerankCall(degraded=Degraded.OVERLOADED))
        return begun.respond(Side(plan, self._rerank.required(plan, unranked)))

    def _plan(self, options: RerankOptions) -> RerankPlan | None:
        return self._rerank.plan(options) if options.enabled else None

    def _sides(self, begun: BegunSearch, query: RerankQuery, load: LoadImages) -> tuple[Side, Side | None]:
        hits = begun.retrieved.hits
        if begun.is_contest:
            return rank_both(self._rerank, (begun.plan, begun.rival), query, hits, load)
        assert begun.plan is not None
        return Side(begun.plan, self._rerank.apply(begun.plan, query, hits, load)), None

    def _loader(self, begun: BegunSearch) -> LoadImages:
        """Loads the images of all that are to be reranked, once, when they are first needed."""

        @cache
        def load() -> Sequence[Image | None]:
            with begun.clock.stage("load"):
                return self._pictures(begun.retrieved.hits[: begun.depth])

        return load

    def _pictures(self, hits: Sequence[Hit]) -> list[Image | None]:
        """Images of hits, read concurrently; each reader logs as part of this search."""
        reading = [self._readers.submit(copy_context().run, self._picture, hit) for hit in hits]
        return [picture.result() for picture in reading]

    def _picture(self, hit: Hit) -> Image | None:
        """The stored image of a hit, None where it has none. A lost file must not cost the whole answer: the title
        still speaks for it.
        """
        check_cancelled()
        if not hit.image_key:
            return None
        try:
            return self._images.rendition(hit.image_key).image
        except (ImageNotFound, ImageStoreUnavailable, InvalidImage):
            logger.warning("the image of product %r cannot be used for reranking", hit.product_id)
            return None


def _depth(*plans: RerankPlan | None) -> int:
    return max((plan.candidates for plan in plans if plan), default=0)


def _provenance(report: RerankReport) -> dict[str, Fact]:
    names = ("engine", "strategy", "prompt", "fault", "degraded")
    return {name: getattr(report, name) for name in names}


def _rerank_query(query: DecodedQuery) -> RerankQuery:
    image = query.image
    return RerankQuery(
        text=query.text, image=image.image if image else None, image_hash=image.content_hash if image else None
    )


def _timings(seen: Mapping[str, float], by_model: Mapping[str, float]) -> dict[str, float]:
    """Stages in their order. The model's own times separate captioning from ranking; the clock measured both."""
    known = {**seen, **by_model}
    return {stage: known[stage] for stage in STAGES if stage in known}


def _results(hits: Sequence[RankedHit], retrieved: Retrieved) -> tuple[SearchResult, ...]:
    first = retrieved.offset + 1
    return tuple(
        SearchResult(
            rank=rank,
            retrieval_rank=retrieved.ranks[ranked.position],
            product=ranked.hit.product,
            scores=_scores(ranked),
            duplicates=retrieved.duplicates.get(ranked.hit.product_id, ()),
        )
        for rank, ranked in enumerate(hits, start=first)
    )


def _scores(ranked: RankedHit) -> ResultScores:
    hybrid = ranked.hit.hybrid if isinstance(ranked.hit, HybridHit) else None
    return ResultScores(ranked.hit.score, ranked.rerank_score, ranked.fused_score, hybrid)
