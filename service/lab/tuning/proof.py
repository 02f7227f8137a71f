"""What tuning found: settings, each with the proof that unseen queries are better with it, or without one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.encoders.encoder import EncoderInfo
from service.lab.comparison import Comparison
from service.search.query_adapter import QueryAdapter

ADAPTER_SETTING = "query_adapter"
FOLDS = 5
"""Of the cross-validation of an adapter."""


@dataclass(frozen=True)
class Part:
    """One setting. `value`: what was learned; `comparison`: with it on top of the parts before it that are proven,
    against those alone, on the `tested` of the judged `queries`. Exactly the value of a weight was tested; an adapter
    was learned from all queries, in the same way as those that were tested.
    """

    setting: str
    value: object
    queries: int
    tested: int
    comparison: Comparison

    @property
    def is_proven(self) -> bool:
        """Whether unseen queries are significantly better with it."""
        return self.comparison.is_better and self.comparison.is_significant

    @property
    def queries_needed(self) -> int | None:
        """How many more queries would prove a difference as large as the one that was seen, four times in five: the
        standard error falls with the root of their number. None where nothing was gained.
        """
        gained, detectable = self.comparison.difference, self.comparison.detectable
        if self.is_proven or not self.comparison.is_better or not detectable:
            return None
        return max(1, math.ceil(self.queries * ((detectable / abs(gained)) ** 2 - 1)))


@dataclass(frozen=True)
class Tuned:
    """`parts` in the order in which they were tried, the adapter first; `epochs`: of its training."""

    parts: tuple[Part, ...]
    encoder: EncoderInfo
    measure: str
    queries: int
    epochs: int

    @property
    def proven(self) -> dict[str, object]:
        """The settings that are proven to help, by name."""
        return {part.setting: part.value for part in self.parts if part.is_proven}

    @property
    def adapter(self) -> QueryAdapter:
        """What was learned of queries, proven or not."""
        found = self.parts[0].value
        assert isinstance(found, QueryAdapter)
        return found
