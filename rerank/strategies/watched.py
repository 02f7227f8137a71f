"""A trained reranker under watch: scores that mean nothing are noticed while searches are answered.

Servers answer with scores that look like any others when a model lacks its head or its chat template: about 0.5 for
everything, or noise. Now and then, three candidates of a search are ranked by themselves (`self_retrieval`). Chance
finds all three in one of 27 trials, and whoever ignores the query never does. Of the last six trials, a sound reranker
passes nearly all; one that guesses passes four or more with a probability of 3e-5.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.query import Query
from rerank.ranking import Fault, Ranking
from rerank.strategies.self_retrieval import ControlFailed, found_first
from rerank.strategies.strategy import RerankOutcome, ScoreScale, Strategy

__all__ = ["WatchedStrategy"]

TRIALS, LEAST = 6, 4
"""Trials that count, and how many of them a reranker has to pass."""
EVERY = 50
"""Searches from one trial to the next, once the first six are passed."""
_GROUP = 3

_log = logging.getLogger(__name__)


class WatchedStrategy:
    """Another strategy, whose order counts as long as it passes its trials; then the retrieval order does.

    Distrusted, it is still asked, with a trial each time, so that a server that was mended is trusted again. A trial
    takes at most half of the time that a search has left, and is not made where that is less than the search took.
    `texts`, `images`: what of a product the strategy can be asked with.
    """

    def __init__(self, base: Strategy, *, texts: bool = True, images: bool = True) -> None:
        self.base, self._texts, self._images = base, texts, images
        self._passed: deque[bool] = deque(maxlen=TRIALS)
        self._calls = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """As the other strategy's."""
        return self.base.name

    @property
    def instructable(self) -> bool:
        """As the other strategy is."""
        return self.base.instructable

    @property
    def scale(self) -> ScoreScale:
        """As the other strategy's."""
        return self.base.scale

    @property
    def is_distrusted(self) -> bool:
        """Whether it failed too many of its last trials."""
        with self._lock:
            return len(self._passed) == TRIALS and sum(self._passed) < LEAST

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        *,
        prompt: str | None = None,
        deadline: float | None = None,
    ) -> RerankOutcome:
        """Rank the candidates; see `Strategy.rerank`."""
        began = time.monotonic()
        outcome = self.base.rerank(query, candidates, prompt=prompt, deadline=deadline)
        if outcome.degraded is None and self._is_due():
            self._try(outcome.ranking.apply(candidates), _half_of(deadline, time.monotonic() - began))
        return self._distrusted(outcome) if outcome.degraded is None and self.is_distrusted else outcome

    def _is_due(self) -> bool:
        distrusted = self.is_distrusted
        with self._lock:
            self._calls += 1
            return distrusted or len(self._passed) < TRIALS or self._calls % EVERY == 0

    def _try(self, ranked: Sequence[Candidate], deadline: float | None) -> None:
        """One trial, with candidates from both ends of the order; none if they are too few or too alike."""
        texts = self._texts and sum(bool(one.title) for one in ranked) >= _GROUP
        images = self._images and sum(one.image is not None for one in ranked) >= _GROUP
        group = _distinct([*ranked[:1], *ranked[:0:-1]], texts=texts, images=images)
        if len(group) < _GROUP or (deadline is not None and deadline <= time.monotonic()):
            return
        try:
            found = found_first(self.base, group, texts=texts, images=images, deadline=deadline)
        except ControlFailed:
            return
        was = self.is_distrusted
        with self._lock:
            self._passed.append(found == _GROUP)
        if self.is_distrusted and not was:
            _log.warning("the scores of strategy %s do not tell products apart; see `withthis doctor`", self.name)

    def _distrusted(self, outcome: RerankOutcome) -> RerankOutcome:
        ranking = Ranking.identity(len(outcome.ranking.order), Fault.FLAT_SCORES)
        return replace(outcome, ranking=ranking, degraded=Degraded.LOW_TRUST)


def _distinct(candidates: Sequence[Candidate], *, texts: bool, images: bool) -> list[Candidate]:
    """The first few that have, and differ in, what they are to be asked with."""
    group: list[Candidate] = []
    for one in candidates:
        if (texts and not one.title) or (images and one.image is None) or not (texts or images):
            continue
        if len(group) < _GROUP and not any(_alike(one, other, texts, images) for other in group):
            group.append(one)
    return group


def _alike(one: Candidate, other: Candidate, texts: bool, images: bool) -> bool:
    same_text = texts and one.title.casefold() == other.title.casefold()
    return same_text or (images and one.image_hash is not None and one.image_hash == other.image_hash)


def _half_of(deadline: float | None, spent_s: float) -> float | None:
    """When a trial must end; now if there is less time than the search itself took."""
    if deadline is None:
        return None
    now = time.monotonic()
    left = deadline - now
    return now + left / 2 if left / 2 > spent_s else now
