"""The way of a query: decode → embed → retrieve → caption and rerank → a complete, explained ranking.

Synchronous and thread-safe; the API runs it in worker threads and bounds how many run at once.
"""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL.Image import Image

from rerank.candidates import RerankQuery
from service.catalog.images import ImageStore
from service.encoders.base import Encoder, EncoderQuery
from service.errors import EmptyQuery, ImageNotFound, InvalidImage, InvalidValue, UnknownProduct
from service.media.decode import DecodedImage
from service.media.pictures import PictureLoader
from service.rerank_stage import RankedHit, Reranked, RerankStage, in_retrieval_order
from service.search_types import (
    ImageSource,
    ProductImage,
    RerankReport,
    ResultScores,
    SearchRequest,
    SearchResponse,
    SearchResult,
)
from service.stage_clock import StageClock
from service.stores.base import Hit, Store, Vector
from service.stores.filters import compile_filter

logger = logging.getLogger(__name__)

STAGES = ("decode", "embed", "retrieve", "load", "caption", "rerank", "total")
"""The stages of a search in their order; `load` reads the candidates' pictures. One that did not run has no time."""


@dataclass(frozen=True, slots=True)
class _Query:
    """A request with its picture decoded; `excluded` is the product whose picture is the query."""

    text: str | None
    image: DecodedImage | None
    excluded: str | None = None


class SearchPipeline:
    """Turns a `SearchRequest` into a `SearchResponse`."""

    def __init__(
        self,
        *,
        encoder: Encoder,
        store: Store,
        images: ImageStore,
        rerank: RerankStage,
        pictures: PictureLoader,
        max_limit: int,
        max_text_chars: int,
    ) -> None:
        """`max_limit`: the most results that may be asked for; `max_text_chars`: the longest sentence."""
        self._encoder = encoder
        self._store = store
        self._images = images
        self._rerank = rerank
        self._pictures = pictures
        self._max_limit = max_limit
        self._max_text_chars = max_text_chars

    def search(self, request: SearchRequest) -> SearchResponse:
        """Answer one query.

        Raises:
            InvalidInput: something the caller can mend (empty query, unusable picture, unknown product, …).
            StoreUnavailable, EncoderMismatch: the catalogue cannot be searched now.
            RerankRequired: reranking failed and the request insists on it.
        """
        clock = StageClock()
        self._check(request)
        plan = self._rerank.plan(request.rerank) if request.rerank.enabled else None
        with clock.stage("decode"):
            query = self._decode(request)
        with clock.stage("embed"):
            vector, truncated = self._embed(query)
        with clock.stage("retrieve"):
            hits = self._retrieve(vector, request, query.excluded)
        if plan is None:
            reranked = Reranked(in_retrieval_order(hits), RerankReport(applied=False))
        else:
            with clock.stage("load"):
                pictures = [self._picture(hit) for hit in hits[: plan.candidates]]
            with clock.stage("rerank"):
                reranked = self._rerank.apply(plan, _rerank_query(query), hits, pictures)
        return SearchResponse(
            id=uuid.uuid4().hex,
            caption=reranked.caption,
            truncated=truncated,
            results=_results(reranked.hits),
            rerank=reranked.report,
            timings_ms=_timings(clock.total(), reranked.timings_ms or {}),
        )

    def _check(self, request: SearchRequest) -> None:
        if not 1 <= request.limit <= self._max_limit:
            raise InvalidValue(f"limit must be between 1 and {self._max_limit}.")
        if len(request.text or "") > self._max_text_chars:
            raise InvalidValue(f"text must have at most {self._max_text_chars} characters.")
        if request.min_score is not None and not -1 <= request.min_score <= 1:
            raise InvalidValue("min_score must be between -1 and 1.")
        if request.filter is not None:
            compile_filter(request.filter)  # a filter that is too large is refused before any model runs

    def _decode(self, request: SearchRequest) -> _Query:
        text = (request.text or "").strip() or None
        if text is None and request.image is None:
            raise EmptyQuery
        excluded = request.image.product_id if isinstance(request.image, ProductImage) else None
        image = self._load(request.image) if request.image is not None else None
        return _Query(text, image, excluded)

    def _load(self, source: ImageSource) -> DecodedImage:
        if isinstance(source, ProductImage):
            return self._product_image(source.product_id)
        return self._pictures.open(source)

    def _product_image(self, product_id: str) -> DecodedImage:
        rows = [row for row in self._store.get(product_id) if row.image_key]
        if not rows:
            raise UnknownProduct
        return self._images.open(rows[0].image_key)

    def _embed(self, query: _Query) -> tuple[Vector, bool]:
        image = query.image.image if query.image else None
        embeddings = self._encoder.encode([EncoderQuery(query.text, image)])
        return embeddings.vectors[0], bool(embeddings.truncated[0])

    def _retrieve(self, vector: Vector, request: SearchRequest, excluded: str | None) -> list[Hit]:
        """The best `limit` products that are similar enough, without the one whose picture is the query."""
        limit = request.limit + (excluded is not None)
        hits = self._store.search(vector, limit=limit, filter=request.filter)
        least = -math.inf if request.min_score is None else request.min_score
        return [hit for hit in hits if hit.product_id != excluded and hit.score >= least][: request.limit]

    def _picture(self, hit: Hit) -> Image | None:
        """The stored picture of a hit. A lost file must not cost the whole answer: the title still speaks for it."""
        try:
            return self._images.open(hit.image_key).image
        except (ImageNotFound, InvalidImage):
            logger.warning("the picture of product %r cannot be used for reranking", hit.product_id)
            return None


def _rerank_query(query: _Query) -> RerankQuery:
    image = query.image
    return RerankQuery(
        text=query.text, image=image.image if image else None, image_hash=image.content_hash if image else None
    )


def _timings(seen: Mapping[str, float], by_model: Mapping[str, float]) -> dict[str, float]:
    """Stages in their order. The model's own times tell captioning and ranking apart; the clock saw both together."""
    known = {**seen, **by_model}
    return {stage: known[stage] for stage in STAGES if stage in known}


def _results(hits: Sequence[RankedHit]) -> tuple[SearchResult, ...]:
    return tuple(
        SearchResult(
            rank=rank,
            retrieval_rank=ranked.position + 1,
            product=ranked.hit.product,
            scores=ResultScores(ranked.hit.score, ranked.rerank_score, ranked.fused_score),
        )
        for rank, ranked in enumerate(hits, start=1)
    )
