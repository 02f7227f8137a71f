"""Reranks documents that the caller provides, without a catalog: `/v1/rerank` and `/v1/score`."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from rerank.candidates import Candidate
from rerank.query import Query
from rerank.ranking import Ranking
from rerank.sanitize import is_cut
from rerank.strategies.strategy import TextLimits
from service.errors import InvalidValue
from service.images.sources import ImageLoader
from service.search.contents import ContentOpener, PlacedQuery
from service.search.reranking.plan import RerankPlan
from service.search.reranking.stage import RerankStage
from service.search.types import RerankOptions, RerankReport

Scale = Literal["absolute", "relative", "rank"]
"""`absolute`: the model's, of the document and the query alone, to be compared between calls about the same query;
`relative`: the model's, of the document among those of the call; `rank`: the place alone, (n - place) / n."""

NO_INSTRUCTION = "The model takes no instruction other than the query. Put it into the query."
NO_ABSOLUTE_SCORES = (
    "The configured strategy has no scores for a single document. Send one query with all its documents, or set "
    "WITHTHIS_STRATEGY to pointwise or reranker."
)


KEPT_PIXELS = 64_000_000
"""Of all documents' images while they are ranked, at 3 bytes each: 60 images of a megapixel, or 256 of 500 x 500."""


@dataclass(frozen=True, slots=True)
class DocumentRanking:
    """Every document once, best first: its position in the request, and a score that strictly decreases.

    `cut`: positions of documents of which the model read the beginning alone.
    """

    order: tuple[int, ...]
    scores: tuple[float, ...]
    scale: Scale
    report: RerankReport
    prompt_tokens: int
    generated_tokens: int
    cut: tuple[int, ...] = ()
    query_cut: bool = False


def rank_documents(
    stage: RerankStage,
    image_loader: ImageLoader,
    query: PlacedQuery,
    documents: Sequence[PlacedQuery],
    options: RerankOptions | None = None,
    *,
    max_pixels: int,
) -> DocumentRanking:
    """Rank documents for a query. Without an answer of the model the given order is kept, and the report says why.

    An empty document is one like any other; it matches nothing.

    Raises:
        InvalidInput: an image that cannot be used, images of more than `max_pixels` together, a strategy or prompt that
            does not exist, or an instruction for a model that takes none.
        Cancelled: the client has disconnected.
    """
    plan = _instructable(stage.plan(options or RerankOptions()), [query])
    contents = [query, *documents]
    opener = ContentOpener(image_loader, max_pixels=max_pixels, contents=contents, kept_pixels=KEPT_PIXELS)
    opened = opener.open(contents)
    return _ranked(stage, plan, opened)


def rank_pairs(
    stage: RerankStage, image_loader: ImageLoader, pairs: Sequence[tuple[PlacedQuery, PlacedQuery]], *, max_pixels: int
) -> list[DocumentRanking]:
    """Score each document for its own query, all within one deadline; the list ends with the first that the model
    failed on.

    Raises:
        InvalidValue: the strategy's scores say nothing of a document by itself, or its model takes no instruction.
        InvalidInput: an image that cannot be used, or images of more than `max_pixels` together.
        Cancelled: the client has disconnected.
    """
    plan = _instructable(stage.plan(RerankOptions()), [query for query, _ in pairs])
    opener = ContentOpener(
        image_loader, max_pixels=max_pixels, contents=[content for pair in pairs for content in pair]
    )
    end, rankings = time.monotonic() + plan.deadline_ms / 1000, []
    for pair in pairs:
        left_ms = max(1, int((end - time.monotonic()) * 1000))
        found = _ranked(stage, replace(plan, deadline_ms=left_ms), opener.open(pair))
        rankings.append(found)
        if found.report.degraded:
            break
        if found.scale != "absolute":
            raise InvalidValue(NO_ABSOLUTE_SCORES)
    return rankings


def _instructable(plan: RerankPlan, queries: Sequence[PlacedQuery]) -> RerankPlan:
    """The plan, if its model takes an instruction where a query has one. Raises InvalidValue."""
    if not plan.strategy.instructable and any(query.query.instruction for query in queries):
        raise InvalidValue(errors=[{"pointer": "/instruction", "detail": NO_INSTRUCTION}])
    return plan


def _ranked(stage: RerankStage, plan: RerankPlan, opened: Sequence[Query]) -> DocumentRanking:
    """Rank all but the first of the contents for the first."""
    asked, *found = opened
    outcome, report = stage.rank(plan, asked, [_candidate(place, one) for place, one in enumerate(found)])
    ranking = outcome.ranking if outcome is not None else Ranking.identity(len(found))
    scores, own = relevance(ranking)
    limits = outcome.limits if outcome is not None else TextLimits()
    return DocumentRanking(
        order=ranking.order,
        scores=scores,
        scale=outcome.scale if own and outcome is not None else "rank",
        report=report,
        prompt_tokens=outcome.prompt_tokens if outcome else 0,
        generated_tokens=outcome.generated_tokens if outcome else 0,
        cut=tuple(place for place, document in enumerate(found) if is_cut(document.text or "", limits.document)),
        query_cut=is_cut(asked.text or "", limits.query),
    )


def _candidate(place: int, document: Query) -> Candidate:
    return Candidate(str(place), document.text or "", document.image, score=0.0, image_hash=document.image_hash)


def relevance(ranking: Ranking) -> tuple[tuple[float, ...], bool]:
    """Scores in ranked order, and whether they are the model's own.

    The model's are used if it gave one for each document and they agree with the order; equal ones are distinguished by
    the smallest step that a float can take, since clients sort by them.
    """
    n = len(ranking.order)
    given = [ranking.scores[place] for place in ranking.order] if ranking.scores else []
    own = [score for score in given if score is not None and math.isfinite(score)]
    if not own or len(own) < n or any(later > earlier for earlier, later in pairwise(own)):
        return _by_place(n), False
    for place in range(1, n):
        own[place] = min(own[place], math.nextafter(own[place - 1], -math.inf))
    return (tuple(own), True) if math.isfinite(own[-1]) else (_by_place(n), False)


def _by_place(n: int) -> tuple[float, ...]:
    return tuple((n - place) / n for place in range(n))
