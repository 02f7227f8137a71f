"""Reranks documents that the caller brings along: `/v1/rerank` without a catalogue."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rerank.candidates import Candidate, RerankQuery
from rerank.ranking import Ranking
from service.contents import Content, ContentOpener
from service.media.pictures import PictureLoader
from service.rerank_stage import RerankStage
from service.search_types import RerankOptions, RerankReport


@dataclass(frozen=True, slots=True)
class DocumentRanking:
    """Every document once, best first: its position in the request, and a score that strictly decreases.

    `own_scores` is True where the scores are the model's, and False where they only say the place, (n - place) / n.
    """

    order: tuple[int, ...]
    scores: tuple[float, ...]
    own_scores: bool
    report: RerankReport
    prompt_tokens: int
    generated_tokens: int


def rank_documents(
    stage: RerankStage, pictures: PictureLoader, query: Content, documents: Sequence[Content], *, max_pixels: int
) -> DocumentRanking:
    """Rank documents for a query. Without an answer of the model the given order stands, and the report says why.

    Raises:
        InvalidInput: a text or picture that cannot be used, or pictures of more than `max_pixels` together.
        Cancelled: the client has gone.
    """
    plan = stage.plan(RerankOptions(candidates=len(documents)))
    contents = [query, *documents]
    asked, *found = ContentOpener(pictures, max_pixels=max_pixels, contents=contents).open(contents)
    image = asked.image
    rerank_query = RerankQuery(asked.text, image.image if image else None, image.content_hash if image else None)
    candidates = [
        Candidate(
            id=str(place),
            title=document.text or "",
            image=document.image.image if document.image else None,
            score=0.0,
            image_hash=document.image.content_hash if document.image else None,
        )
        for place, document in enumerate(found)
    ]
    outcome, report = stage.rank(plan, rerank_query, candidates)
    ranking = outcome.ranking if outcome is not None else Ranking.identity(len(candidates))
    scores, own = relevance(ranking)
    return DocumentRanking(
        order=ranking.order,
        scores=scores,
        own_scores=own,
        report=report,
        prompt_tokens=outcome.prompt_tokens if outcome else 0,
        generated_tokens=outcome.generated_tokens if outcome else 0,
    )


def relevance(ranking: Ranking) -> tuple[tuple[float, ...], bool]:
    """Scores in ranked order, and whether they are the model's own.

    The model's are used if it gave one for each document and they agree with the order; equal ones are told apart by
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
