"""The events of a search log by their searches.

An event may stand in another file than its search, and before it. So a log is read twice, the events first, and memory
is needed for them alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from service.search.online.log_reader import FeedbackLine, SearchLog
from service.wire.feedback import FeedbackKind

Event = tuple[FeedbackKind, str]
"""What was done, and to which product."""


@dataclass(slots=True)
class SearchEvents:
    """Each event of a search once, at its first time. `count`: with those that came again, which are `repeated`."""

    count: int = 0
    repeated: int = 0
    _events: dict[str, dict[Event, datetime]] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, log: SearchLog, kinds: Collection[FeedbackKind]) -> SearchEvents:
        """All events of these kinds. Raises InvalidInput for a file that cannot be read."""
        found = cls()
        for line in log.lines():
            if isinstance(line, FeedbackLine) and line.event in kinds:
                found._add(line)
        return found

    def take(self, search: str) -> set[Event]:
        """The events of a search that is in the log; empty for none."""
        events = self._events.get(search)
        if events is None:
            return set()
        self._taken.add(search)
        return set(events)

    def time(self, search: str, event: Event) -> datetime:
        """When it arrived. KeyError for an event that the search does not have."""
        return self._events[search][event]

    @property
    def orphans(self) -> int:
        """Events whose search is not in the log, once all that are have been taken."""
        return sum(len(events) for search, events in self._events.items() if search not in self._taken)

    def _add(self, line: FeedbackLine) -> None:
        events, event = self._events.setdefault(line.query_id, {}), (line.event, line.product_id)
        self.count += 1
        self.repeated += event in events
        events[event] = min(line.time, events.get(event, line.time))
