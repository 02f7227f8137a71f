"""User feedback on an answer. Whether the product was among those shown is checked when a report is made: the
search may have been answered by another process, whose log has the line.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from service.search.online.search_entry import now
from service.wire.feedback import FeedbackKind


@dataclass(frozen=True, slots=True)
class Feedback:
    """One event. `query_id`: the `id` of the answer; `position`: the place at which the product was shown, from 1."""

    query_id: str
    product_id: str
    event: FeedbackKind
    position: int | None = None

    def entry(self) -> dict[str, object]:
        """The JSON of its line in the log."""
        return {"kind": "feedback", "time": now(), **asdict(self)}
