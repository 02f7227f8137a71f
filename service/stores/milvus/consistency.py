"""How recent a read of Milvus must be, so that it never answers with a part of the catalog.

A Milvus server that starts again, or moves a collection to another node, reads the newest rows from its log again, and
answers meanwhile if the read does not say how recent it must be. `Session` says so only after a write of this process;
without one Milvus takes any state for recent enough, even the empty one. `Bounded` is a state of at most five seconds
ago (`common.gracefulTime` of the server), so it waits for the log, but may be from before a write of this process. So
reads are `Session` for a while after a write, and `Bounded` otherwise. Neither waits on a server that runs; `Strong`
waits up to 0.2 s each time. Milvus Lite knows no levels.
"""

import time
from dataclasses import dataclass

_OWN_WRITES_S = 10.0
"""Longer than what `Bounded` may miss."""

_written: dict[tuple[str, str], float] = {}
"""When this process has last written to a collection. pymilvus keeps the time of `Session` for all clients, too."""


@dataclass(frozen=True, slots=True)
class Consistency:
    """The level for reads of one collection of one Milvus."""

    uri: str
    collection: str

    def wrote(self) -> None:
        """Rows were written and acknowledged just now: the next reads are to see them."""
        _written[self.uri, self.collection] = time.monotonic()

    @property
    def level(self) -> str:
        """The level of a read that begins now."""
        written = _written.get((self.uri, self.collection))
        return "Session" if written is not None and time.monotonic() - written < _OWN_WRITES_S else "Bounded"
