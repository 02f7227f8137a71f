"""Work that has to succeed once before others can begin."""

from __future__ import annotations

from collections.abc import Callable

from service.support.single_flight import SingleFlight


class Once:
    """Does its work until that has succeeded, and never again. Threads that come meanwhile share one attempt."""

    def __init__(self) -> None:
        self._done = False
        self._attempt = SingleFlight[None]()

    def run(self, work: Callable[[], None]) -> None:
        """Raises as `work` does; the next call then tries again."""
        if not self._done:
            self._attempt.run("work", lambda: self._try(work))

    def _try(self, work: Callable[[], None]) -> None:
        work()
        self._done = True
