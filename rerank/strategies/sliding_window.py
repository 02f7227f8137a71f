"""More candidates than one call can compare: overlapping windows, from the last candidates to the first.

Each window ranks its candidates and the next one, nearer to the front, begins with the best of them, so that a good
candidate can rise from the last place to the first in one sweep. Source: Sun et al., "Is ChatGPT Good at Search?
Investigating Large Language Models as Re-Ranking Agents", EMNLP 2023.

    step 2, window 4, n 7      0 1 2 3 4 5 6
                                     └─────┘   1.  places 3…6
                                 └─────┘       2.  places 1…4
                               └─────┘         3.  places 0…3

With a faithful ranker the best `window - step` of all candidates end up at the front.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rerank.candidates import Candidate
from rerank.query import Query
from rerank.ranking import Ranking
from rerank.strategies.faults import merged
from rerank.strategies.strategy import RerankOutcome, ScoreScale, Strategy

__all__ = ["SlidingWindowStrategy", "for_any_number", "windows"]


class SlidingWindowStrategy:
    """Another strategy, applied to windows; complete for every number of candidates, also fewer than a window.

    Reason, raw text and panel are those of the last window, which holds the best; times and tokens are sums. Scores
    are kept if one window was enough: those of different windows cannot be compared. A fault in a window is a fault
    of the whole (`merged`); `repaired` are the candidates that the last window they were in did not place. When the
    engine fails in one window the answer is the retrieval order, as everywhere.
    ValueError unless 1 ≤ step < window.
    """

    def __init__(self, base: Strategy, *, window: int, step: int, name: str = "sliding-window") -> None:
        if not 1 <= step < window:
            raise ValueError(f"windows of {window} candidates cannot overlap with a step of {step}")
        self.base, self.window, self.step = base, window, step
        self._name = name

    @property
    def name(self) -> str:
        """Name in settings and answers."""
        return self._name

    @property
    def instructable(self) -> bool:
        """As the other strategy is."""
        return self.base.instructable

    @property
    def scale(self) -> ScoreScale:
        """Those of different windows cannot be compared, and so not with a number."""
        return "relative"

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        *,
        prompt: str | None = None,
        deadline: float | None = None,
    ) -> RerankOutcome:
        """Rank the candidates; see `Strategy.rerank`."""
        sweep = _Sweep(len(candidates))
        for start, end in windows(len(candidates), self.window, self.step):
            shown = [candidates[place] for place in sweep.order[start:end]]
            outcome = self.base.rerank(query, shown, prompt=prompt, deadline=deadline)
            sweep.add(start, end, outcome)
            if outcome.degraded is not None:
                break
            query = replace(query, caption=outcome.caption or "")  # known now, whatever the cache keeps
        return sweep.outcome(self.name)


def for_any_number(base: Strategy, most: int) -> Strategy:
    """A strategy that ranks at most `most` candidates a call as one, of the same name, that is shown every candidate.

    Windows are as long as a call allows and overlap by half. Where a call takes one candidate there is nothing to
    compare in windows: the strategy stays as it is, and says itself what it was not shown.
    """
    return SlidingWindowStrategy(base, window=most, step=max(1, most // 2), name=base.name) if most > 1 else base


def windows(n: int, window: int, step: int) -> Iterator[tuple[int, int]]:
    """Start and end (exclusive) of each window over n places, back to front; one window if n ≤ window, also for 0.

    All are as long as `window` where there are as many places.
    """
    end = n
    while True:
        start = max(0, end - window)
        yield start, min(n, start + window)
        if start == 0:
            return
        end -= step


class _Sweep:
    """The order so far, and what the windows reported."""

    def __init__(self, n: int) -> None:
        self.order = list(range(n))
        self._unplaced: set[int] = set()
        self._outcomes: list[RerankOutcome] = []

    def add(self, start: int, end: int, outcome: RerankOutcome) -> None:
        """Reorder the places of a window as it was ranked."""
        shown, ranking = self.order[start:end], outcome.ranking
        self.order[start:end] = ranking.apply(shown)
        self._unplaced = self._unplaced.difference(shown).union(shown[place] for place in ranking.repaired)
        self._outcomes.append(outcome)

    def outcome(self, name: str) -> RerankOutcome:
        """All windows as one outcome."""
        last, every = self._outcomes[-1], self._outcomes
        return replace(
            last,
            strategy=name,
            ranking=self._ranking(last),
            timings_ms={stage: sum(one.timings_ms.get(stage, 0.0) for one in every) for stage in last.timings_ms},
            prompt_tokens=sum(one.prompt_tokens for one in every),
            generated_tokens=sum(one.generated_tokens for one in every),
        )

    def _ranking(self, last: RerankOutcome) -> Ranking:
        if last.degraded is not None:
            return Ranking.identity(len(self.order), last.ranking.fault)
        if len(self._outcomes) == 1:
            return last.ranking
        fault = merged([one.ranking.fault for one in self._outcomes])
        repaired = tuple(place for place in self.order if place in self._unplaced)
        return Ranking(tuple(self.order), fault, repaired, last.ranking.reason)
