"""Two or more writers of one store whose steps happen in an order that a test gives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from service.stores.revisions import RevisionStore
from service.stores.store import Record, RowState


class Killed(BaseException):
    """The process ends here: nothing of its code runs after this."""


class Stepped(RevisionStore):
    """A connection to a store, as a process of its own has it; `step` is called before each of its requests."""

    def __init__(self, inner: RevisionStore, step: Callable[[], None]) -> None:
        self._inner = inner
        self._step = step

    def upsert(self, records: Sequence[Record]) -> None:
        self._step()
        self._inner.upsert(records)

    def get(self, product_id: str) -> list[Record]:
        self._step()
        return self._inner.get(product_id)

    def records(self, keys: Sequence[str]) -> list[Record]:
        self._step()
        return self._inner.records(keys)

    def states(self, keys: Sequence[str]) -> list[RowState]:
        self._step()
        return self._inner.states(keys)

    def states_of(self, product_ids: Sequence[str]) -> list[RowState]:
        self._step()
        return self._inner.states_of(product_ids)

    def scan(self) -> Iterator[list[RowState]]:
        self._step()
        yield from self._inner.scan()

    def settle(self, at_least: int = 0) -> None:
        """No step: it changes nothing that a reader sees."""

    def delete_rows(self, keys: Sequence[str]) -> int:
        self._step()
        return self._inner.delete_rows(keys)


class Process:
    """Work on a store that goes on by one step at a time."""

    def __init__(self, inner: RevisionStore, work: Callable[[Stepped], object]) -> None:
        """Runs up to the first step."""
        self.steps = 0
        self.is_done = False
        self._go, self._waits = threading.Semaphore(0), threading.Semaphore(0)
        self._killed = False
        self._thread = threading.Thread(target=self._run, args=(Stepped(inner, self._wait), work), daemon=True)
        self._thread.start()
        self._waits.acquire()

    def advance(self) -> None:
        """Do the next step, if there is one, up to the one after it."""
        if not self.is_done:
            self.steps += 1
            self._go.release()
            self._waits.acquire()

    def kill(self) -> None:
        """End it before its next step."""
        self._killed = True
        self._go.release()
        self._thread.join()

    def _run(self, store: Stepped, work: Callable[[Stepped], object]) -> None:
        try:
            work(store)
        except Killed:
            pass
        finally:
            self.is_done = True
            self._waits.release()

    def _wait(self) -> None:
        self._waits.release()
        self._go.acquire()
        if self._killed:
            raise Killed


def steps_of(inner: RevisionStore, work: Callable[[Stepped], object]) -> int:
    """How many steps some work takes by itself."""
    process = Process(inner, work)
    while not process.is_done:
        process.advance()
    return process.steps


def orders(counts: Sequence[int]) -> Iterator[list[int]]:
    """All orders in which processes can do so many steps each."""
    if not any(counts):
        yield []
    for number, count in enumerate(counts):
        if count:
            fewer = [n - (other == number) for other, n in enumerate(counts)]
            yield from ([number, *rest] for rest in orders(fewer))
