"""Many candidates in few steps: windows ranked side by side, merged by scores of single candidates.

After Pailitao-VL (arXiv 2602.13704): a list is compared in chunks, and absolute scores join the chunks. Here each
window is ranked listwise, all at the same time; then the first three and the last of each are scored pointwise, less
than half of the candidates. The scores are calibrated to the listwise order by isotonic regression, which is the
nearest sequence in least squares that never rises (pool adjacent violators: Ayer et al., "An Empirical Distribution
Function for Sampling with Incomplete Information", Annals of Mathematical Statistics 26(4), 1955), and those between
them lie on straight lines. Then all candidates are sorted by this score; within a window the listwise order stands.

    places 0...13 in two windows    0 2 4 6 8 10 12               1 3 5 7 9 11 13   each gets its share of the best
    listwise                        4 0 2 8 6 12 10               1 7 3 9 5 13 11
    pointwise                       .8 .9 .3 -- -- -- .1          .7 .2 .4 -- -- -- .1
    calibrated                      .85 .85 .3 .25 .2 .15 .1      .7 .3 .3 .25 .2 .15 .1
    merged                          4 0 1 2 7 3 8 9 6 5 12 13 10 11

With scores of all candidates the first places are no better (`python -m benchmarks.chunked` simulates noisy rankers).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.model_server.side_by_side import side_by_side
from rerank.query import Query
from rerank.ranking import Ranking
from rerank.strategies.captioning import Captioner
from rerank.strategies.faults import declared, log_failure, merged
from rerank.strategies.strategy import RerankOutcome, ScoreScale, Strategy
from rerank.strategies.trace import Trace

__all__ = ["LARGEST", "SMALLEST", "ChunkedStrategy", "calibrated", "chunks", "filled", "scored_places"]

SMALLEST, LARGEST = 5, 9
"""Candidates of a window: fewer say little of an order, more are ranked less reliably."""

_FIRST = 3
"""The first of a window that are scored: its share of the places that are looked at."""

_log = logging.getLogger(__name__)


class ChunkedStrategy:
    """A listwise strategy on windows and a pointwise one on some of each; complete for every number.

    Up to one window the listwise strategy is all there is. Beyond it, all windows are begun at once, and then all
    scores, if the pointwise strategy scores as many as it is given in one call of its engine; an engine that takes one
    at a time takes them one after the other. Reason, raw text and panel are those of the window that has the best.
    If one call fails the answer is the retrieval order, as everywhere. ValueError unless windows hold 5 or more.
    """

    name = "chunked"
    scale: ScoreScale = "relative"

    def __init__(self, listwise: Strategy, pointwise: Strategy, captioner: Captioner, *, window: int = LARGEST) -> None:
        if window < SMALLEST:
            raise ValueError(f"windows of at least {SMALLEST} candidates are needed, not {window}")
        self.listwise, self.pointwise, self.captioner = listwise, pointwise, captioner
        self.window = min(window, LARGEST)

    @property
    def instructable(self) -> bool:
        """As the listwise strategy is."""
        return self.listwise.instructable

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        *,
        prompt: str | None = None,
        deadline: float | None = None,
    ) -> RerankOutcome:
        """Rank the candidates; see `Strategy.rerank`. `prompt` is that of the listwise strategy."""
        n = len(candidates)
        if n <= self.window:
            outcome = self.listwise.rerank(query, candidates, prompt=prompt, deadline=deadline)
            return replace(outcome, strategy=self.name)
        nothing = self.listwise.rerank(query, (), prompt=prompt)  # reports a wrong prompt before any work
        trace = Trace()
        try:
            caption = self.captioner.caption(query, deadline, trace)
        except Exception as error:  # the fault boundary: a model may raise anything
            fault, degraded = declared(error)
            log_failure(_log, f"caption by engine {nothing.engine}", degraded, error)
            return self._told(nothing, trace, [], Ranking.identity(n, fault), degraded)
        known, windows = replace(query, caption=caption or ""), list(chunks(n, self.window))

        def listed(places: Sequence[int]) -> RerankOutcome:
            return self.listwise.rerank(
                known, [candidates[place] for place in places], prompt=prompt, deadline=deadline
            )

        with trace.timed("rerank"):
            lists = side_by_side(listed, windows, len(windows))
            if any(one.degraded is not None for one in lists):
                return self._failed(trace, n, lists)
            ranked = [one.ranking.apply(places) for places, one in zip(windows, lists, strict=True)]
            asked = [order[place] for order in ranked for place in scored_places(len(order))]
            points = self.pointwise.rerank(known, [candidates[place] for place in asked], deadline=deadline)
        if points.degraded is not None:
            return self._failed(trace, n, [*lists, points])
        own = dict(zip(asked, points.ranking.scores or [None] * len(asked), strict=True))
        return self._joined(trace, windows, lists, points, dict(_scored(ranked, own)))

    def _failed(self, trace: Trace, n: int, outcomes: Sequence[RerankOutcome]) -> RerankOutcome:
        """The retrieval order, as one call failed."""
        failed = next(one for one in outcomes if one.degraded is not None)
        ranking = Ranking.identity(n, failed.ranking.fault)
        return self._told(outcomes[0], trace, outcomes, ranking, failed.degraded)

    def _joined(
        self,
        trace: Trace,
        windows: Sequence[Sequence[int]],
        lists: Sequence[RerankOutcome],
        points: RerankOutcome,
        scores: Mapping[int, float],
    ) -> RerankOutcome:
        """All windows as one outcome, by the score of each place, which are in the order of their windows."""
        outcomes, n = [points, *lists], len(scores)
        order = tuple(sorted(scores, key=lambda place: -scores[place]))  # stable: a window's own order for equal scores
        best = next(number for number, places in enumerate(windows) if order[0] in places)
        unplaced = {places[place] for places, one in zip(windows, lists, strict=True) for place in one.ranking.repaired}
        ranking = Ranking(
            order,
            merged([one.ranking.fault for one in outcomes]),
            tuple(place for place in order if place in unplaced),
            lists[best].ranking.reason,
            tuple(scores[place] for place in range(n)),
        )
        return self._told(lists[best], trace, outcomes, ranking)

    def _told(
        self,
        outcome: RerankOutcome,
        trace: Trace,
        outcomes: Sequence[RerankOutcome],
        ranking: Ranking,
        degraded: Degraded | None = None,
    ) -> RerankOutcome:
        return replace(
            outcome,
            ranking=ranking,
            strategy=self.name,
            caption=trace.caption,
            timings_ms=trace.timings_ms,
            prompt_tokens=trace.prompt_tokens + sum(one.prompt_tokens for one in outcomes),
            generated_tokens=trace.generated_tokens + sum(one.generated_tokens for one in outcomes),
            scale=self.scale,
            degraded=degraded,
        )


def chunks(n: int, window: int) -> Iterator[range]:
    """The places of each window, dealt out in turn; as few windows as hold n places, of equal size but for one place.

    If there are several, none holds less than half of `window`: of 9, none fewer than 5.
    """
    count = -(-n // window)
    return (range(start, n, count) for start in range(count))


def calibrated(scores: Sequence[float]) -> list[float]:
    """The nearest sequence in least squares that never rises: neighbors that rise share their mean."""
    blocks: list[tuple[float, int]] = []
    for score in scores:
        total, size = score, 1
        while blocks and blocks[-1][0] / blocks[-1][1] < total / size:
            before, count = blocks.pop()
            total, size = total + before, size + count
        blocks.append((total, size))
    return [total / size for total, size in blocks for _ in range(size)]


def scored_places(n: int) -> list[int]:
    """The ranks, from 0, of a window of n that are scored: the first ones, and the last."""
    return [*range(min(_FIRST, n - 1)), n - 1]


def filled(ranks: Sequence[int], scores: Sequence[float]) -> list[float]:
    """The scores of all ranks up to the last one, on straight lines between those given, of which rank 0 is one."""
    found = [scores[0]]
    for (start, before), (end, after) in pairwise(zip(ranks, scores, strict=True)):
        found += [before + (after - before) * (rank - start) / (end - start) for rank in range(start + 1, end + 1)]
    return found


def _scored(ranked: Sequence[Sequence[int]], own: Mapping[int, float | None]) -> Iterator[tuple[int, float]]:
    """Each place with its calibrated score, window by window in listwise order; 0 where the model gave no score."""
    for order in ranked:
        ranks = scored_places(len(order))
        scores = calibrated([own[order[rank]] or 0.0 for rank in ranks])
        yield from zip(order, filled(ranks, scores), strict=True)
