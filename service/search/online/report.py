"""Which of two interleaved configurations do users prefer? From the search log.

Each event is credited to the team that picked its product, unless both orders begin with it: who picked one of those is
decided by a coin alone. A query is won by the team with more credited products, and a user has one vote. Logs that
hold several comparisons (a configuration was changed meanwhile) are distinguished.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.search.online.log_reader import ConfigurationLine, EncoderLine, SearchLine, SearchLog
from service.search.online.search_events import Event, SearchEvents
from service.search.online.sign_test import detectable_share, sequential_p, sign_test_p, wilson_interval
from service.search.online.votes import Credit, Votes
from service.wire.feedback import FEEDBACK_KINDS, FeedbackKind


class Unused(StrEnum):
    """Why an event counts for nothing."""

    REPEATED = "repeated"
    UNKNOWN_QUERY = "unknown_query"  # of no search in these logs
    EARLIER = "before_since"
    NOT_INTERLEAVED = "not_interleaved"
    NOT_SHOWN = "not_shown"  # the product was not among those of the answer
    COMMON_PREFIX = "common_prefix"  # both orders have the product, and all before it, at the same place


@dataclass(frozen=True, slots=True)
class Pair:
    """What was compared."""

    encoder: EncoderLine
    a: ConfigurationLine
    b: ConfigurationLine


@dataclass(frozen=True, slots=True)
class Preference:
    """Users by whom they prefer, a search without a session being a user of its own; `searches`: how many they made
    that count. `p_any_time` may be looked at as often as one likes.
    """

    event: FeedbackKind
    wins_a: int
    wins_b: int
    ties: int
    searches: int
    p_any_time: float

    @property
    def share_b(self) -> float | None:
        """B's share of the users that one of them won."""
        decided = self.wins_a + self.wins_b
        return self.wins_b / decided if decided else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of `share_b`."""
        return wilson_interval(self.wins_b, self.wins_a)

    @property
    def p(self) -> float:
        """The probability of a result at least this uneven if neither is preferred, at one look that was planned."""
        return sign_test_p(self.wins_a, self.wins_b)

    @property
    def detectable(self) -> float | None:
        """The share, above one half, that as many users would show in four comparisons of five; None without any."""
        return detectable_share(self.wins_a + self.wins_b)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The searches of one pair and what they say, by kind of event."""

    pair: Pair
    searches: int
    preferences: tuple[Preference, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All comparisons in the logs, those with most searches first; what was not used, and lines that were damaged."""

    comparisons: tuple[Comparison, ...]
    searches: int
    events: int
    unused: Mapping[Unused, int]
    damaged: int


class _Tally:
    """Collects while the searches are read."""

    def __init__(self, events: SearchEvents, since: datetime | None) -> None:
        self._events = events
        self._since = since
        self.unused: Counter[Unused] = Counter()
        self.searches = 0
        self.by_pair: Counter[Pair] = Counter()
        self.votes: defaultdict[tuple[Pair, FeedbackKind], Votes] = defaultdict(Votes)

    def search(self, line: SearchLine) -> None:
        events = self._events.take(line.id)
        if self._since is not None and line.time < self._since:
            self.unused[Unused.EARLIER] += len(events)
            return
        self.searches += 1
        if line.b is None or line.teams is None:
            self.unused[Unused.NOT_INTERLEAVED] += len(events)
            return
        pair = Pair(line.encoder, line.a, line.b)
        self.by_pair[pair] += 1
        for kind, credits in self._credits(line, line.teams, events).items():
            self.votes[pair, kind].add(line.session or f"search {line.id}", credits)

    def _credits(self, line: SearchLine, teams: str, events: Iterable[Event]) -> dict[FeedbackKind, list[Credit]]:
        """By kind of event, what is credited."""
        places = {product: place for place, product in enumerate(line.order[: min(line.shown, len(teams))])}
        prefix, found = line.prefix, defaultdict[FeedbackKind, list[Credit]](list)
        for kind, product in events:
            place = places.get(product)
            if place is None:
                self.unused[Unused.NOT_SHOWN] += 1
            elif place < prefix:
                self.unused[Unused.COMMON_PREFIX] += 1
            else:
                time = self._events.time(line.id, (kind, product))
                found[kind].append(Credit(time, line.id, place, teams[place] == "B"))
        return found


def interleaving_report(
    log: SearchLog, kinds: Sequence[FeedbackKind] = FEEDBACK_KINDS, since: datetime | None = None
) -> Report:
    """What the log says of events of these kinds; `since` leaves out earlier searches.

    Raises InvalidInput as `SearchLog` does.
    """
    events = SearchEvents.of(log, kinds)
    tally = _Tally(events, since)
    for line in log.lines():
        if isinstance(line, SearchLine):
            tally.search(line)
    tally.unused |= {Unused.REPEATED: events.repeated, Unused.UNKNOWN_QUERY: events.orphans}
    comparisons = tuple(
        Comparison(pair, searches, tuple(_preference(tally, pair, kind) for kind in kinds))
        for pair, searches in tally.by_pair.most_common()
    )
    return Report(comparisons, tally.searches, events.count, {why: tally.unused[why] for why in Unused}, log.damaged)


def _preference(tally: _Tally, pair: Pair, kind: FeedbackKind) -> Preference:
    votes = tally.votes[pair, kind]
    return Preference(kind, *votes.counts, votes.searches, sequential_p(votes.in_time()))
