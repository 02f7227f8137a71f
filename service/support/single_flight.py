"""Work that several threads want at the same time is done once, and all get its outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

from rerank.cancellation import Cancelled, check_cancelled

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Calls for one name that come while one is in progress wait for it and share its end, good or bad. Only a
    cancellation is not shared: it is about the first one's caller, and whoever still waits starts over.

    Picklable: a copy in another process has nothing in progress.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Hashable, Future[Result]] = {}

    def __reduce__(self) -> tuple[type[SingleFlight[Result]], tuple[()]]:
        return SingleFlight, ()

    def run(self, name: Hashable, work: Callable[[], Result]) -> Result:
        """What `work` returns, here or in the thread that was first. Raises as it does."""
        while (flight := self._join(name)) is not None:
            try:
                return flight.result()
            except Cancelled:
                check_cancelled()
        try:
            result = work()
        except BaseException as error:
            self._land(name).set_exception(error)
            raise
        self._land(name).set_result(result)
        return result

    def _join(self, name: Hashable) -> Future[Result] | None:
        """What is in progress under a name, None for the one who is to do it."""
        with self._lock:
            flight = self._flights.get(name)
            if flight is None:
                self._flights[name] = Future()
            return flight

    def _land(self, name: Hashable) -> Future[Result]:
        """Whoever comes from now on starts over."""
        with self._lock:
            return self._flights.pop(name)
