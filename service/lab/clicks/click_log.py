"""The search log as arrays: who was shown which product for which query at which rank, and what they did with it.

Searches and events are joined as for the report of interleaving. Any event is a click: nobody buys what they did not
look at, and some shops report purchases alone.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from service.lab.clicks.asked_query import AskedQuery
from service.lab.lab_errors import ClicksMissing
from service.search.online.log_reader import SearchLine, SearchLog
from service.search.online.search_events import Event, SearchEvents
from service.wire.feedback import FEEDBACK_KINDS, FeedbackKind

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]

MAX_RANKS = 100
"""Ranks from here on count as one: so few users get there that no log tells them apart."""
_BITS = {kind: 1 << place for place, kind in enumerate(FEEDBACK_KINDS)}


class LeftOut(StrEnum):
    """Why a search, or an event, counts for nothing."""

    EARLIER = "before_since"
    WITHOUT_SESSION = "without_session"
    QUERY_UNKNOWN = "query_not_logged"  # its text was left out of the log
    REPEATED = "repeated"
    UNKNOWN_SEARCH = "unknown_query"  # an event of no search in the log
    NOT_SHOWN = "not_shown"  # an event about a product that was not in the answer


TwoOrders = tuple[tuple[int, ...], tuple[int, ...]]
"""The first pairs of both orders, as many as were shown."""


@dataclass(frozen=True)
class ClickLog:
    """Searches S, pairs of query and product P, and impressions I: products shown, search by search, best rank first.

    Ranks count from 0, and go on from page to page.
    """

    queries: Sequence[AskedQuery]
    pair_query: Ints
    """[P], positions in `queries`."""
    pair_product: Sequence[str]
    """[P]"""
    starts: NDArray[np.int64]
    """[S + 1]: impressions of search s are those from `starts[s]` to before `starts[s + 1]`."""
    query: Ints
    """[S], positions in `queries`."""
    users: Ints
    """[S]: whose search it was. One without a session is a user of its own."""
    pair: Ints
    """[I]"""
    rank: Ints
    """[I]"""
    events: NDArray[np.uint8]
    """[I]: a bit for each kind of event."""
    drafts: Sequence[TwoOrders | None]
    """[S]: the two orders that a search was drafted from, None for one that was not interleaved; empty if not read."""
    left_out: Mapping[LeftOut, int]
    damaged: int

    @property
    def searches(self) -> int:
        """How many there are."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """[S]: products shown in each search."""
        return np.diff(self.starts)

    @property
    def clicked(self) -> Floats:
        """[I]: 1 where there was any event."""
        return np.asarray(self.events != 0, dtype=np.float64)

    def had(self, kind: FeedbackKind) -> Floats:
        """[I]: 1 where there was an event of this kind."""
        return np.asarray(self.events & _BITS[kind] != 0, dtype=np.float64)

    def by_pair(self, values: Floats | None = None) -> Floats:
        """[P]: sums of values of impressions; of ones if none are given."""
        return np.bincount(self.pair, values, minlength=len(self.pair_query)).astype(np.float64)

    def first_pages(self) -> ClickLog:
        """The same without later pages, and without searches that found nothing."""
        return self.of_searches((self.lengths > 0) & (np.append(self.rank, -1)[self.starts[:-1]] == 0))

    def of_searches(self, kept: NDArray[np.bool_]) -> ClickLog:
        """The same with some of the searches; pairs and queries keep their numbers."""
        lengths = self.lengths
        rows = np.repeat(kept, lengths)
        starts = np.concatenate([[0], np.cumsum(lengths[kept])])
        return ClickLog(
            self.queries,
            self.pair_query,
            self.pair_product,
            starts,
            self.query[kept],
            self.users[kept],
            self.pair[rows],
            self.rank[rows],
            self.events[rows],
            list(compress(self.drafts, kept)),
            self.left_out,
            self.damaged,
        )


@dataclass(slots=True)
class _Collected:
    """What has been read so far."""

    with_drafts: bool
    queries: dict[str, tuple[int, AskedQuery]] = field(default_factory=dict)
    pairs: dict[tuple[int, str], int] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)
    user: array[int] = field(default_factory=lambda: array("i"))
    query: array[int] = field(default_factory=lambda: array("i"))
    starts: array[int] = field(default_factory=lambda: array("q", [0]))
    pair: array[int] = field(default_factory=lambda: array("i"))
    rank: array[int] = field(default_factory=lambda: array("i"))
    events: bytearray = field(default_factory=bytearray)
    drafts: list[TwoOrders | None] = field(default_factory=list)
    left_out: Counter[LeftOut] = field(default_factory=Counter)

    def add(self, line: SearchLine, query: AskedQuery, events: set[Event]) -> None:
        """Take a search with what was done with its products."""
        number, _ = self.queries.setdefault(query.id, (len(self.queries), query))
        done = Counter[str]()
        for kind, product in events:
            done[product] |= _BITS[kind]
        shown = list(dict.fromkeys(line.order[: line.shown]))
        for place, product in enumerate(shown, start=line.offset):
            self.pair.append(self._pair(number, product))
            self.rank.append(min(place, MAX_RANKS - 1))
            self.events.append(done.pop(product, 0))
        self.starts.append(len(self.pair))
        self.query.append(number)
        user = line.session or f"search {line.id}"
        self.user.append(self.users.setdefault(user, len(self.users)))
        self.left_out[LeftOut.NOT_SHOWN] += sum(bits.bit_count() for bits in done.values())
        if self.with_drafts:
            self.drafts.append(self._drafted(number, line, len(shown)))

    def _pair(self, query: int, product: str) -> int:
        return self.pairs.setdefault((query, product), len(self.pairs))

    def _drafted(self, query: int, line: SearchLine, shown: int) -> TwoOrders | None:
        if not line.teams or line.offset:
            return None
        a, b = (tuple(self._pair(query, one) for one in order[:shown]) for order in (line.order_a, line.order_b))
        return a, b

    def finish(self, damaged: int) -> ClickLog:
        """All of it as arrays."""
        return ClickLog(
            [query for _, query in self.queries.values()],
            np.fromiter((query for query, _ in self.pairs), np.int32, len(self.pairs)),
            [product for _, product in self.pairs],
            np.array(self.starts, np.int64),
            np.array(self.query, np.int32),
            np.array(self.user, np.int32),
            np.array(self.pair, np.int32),
            np.array(self.rank, np.int32),
            np.frombuffer(bytes(self.events), np.uint8),
            self.drafts,
            {why: self.left_out[why] for why in LeftOut},
            damaged,
        )


def read_clicks(
    log: SearchLog, *, since: datetime | None = None, with_session: bool = False, with_drafts: bool = False
) -> ClickLog:
    """Read a search log. `since` leaves out earlier searches, `with_session` those that nobody's session is named with;
    `with_drafts`: keep the orders of interleaved searches, whose products then are pairs, too, if nobody saw them.

    Raises:
        ClicksMissing: no search with a click is left.
        InvalidInput: a file cannot be read.
    """
    events, found = SearchEvents.of(log, FEEDBACK_KINDS), _Collected(with_drafts)
    for line in log.lines():
        if isinstance(line, SearchLine):
            _take(line, events.take(line.id), found, since, with_session)
    found.left_out |= {LeftOut.REPEATED: events.repeated, LeftOut.UNKNOWN_SEARCH: events.orphans}
    if not any(found.events):
        raise ClicksMissing
    return found.finish(log.damaged)


def _take(line: SearchLine, events: set[Event], found: _Collected, since: datetime | None, with_session: bool) -> None:
    if since is not None and line.time < since:
        found.left_out[LeftOut.EARLIER] += 1
    elif with_session and line.session is None:
        found.left_out[LeftOut.WITHOUT_SESSION] += 1
    elif (query := AskedQuery.of(line.query)) is None:
        found.left_out[LeftOut.QUERY_UNKNOWN] += 1
    else:
        found.add(line, query, events)
