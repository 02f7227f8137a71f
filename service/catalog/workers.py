"""Worker processes that read images ahead of the encoder.

They are separate programs (`python -m service.catalog.workers`) that communicate over pipes. This is what the "spawn"
method of multiprocessing does, with one difference: spawned processes import the parent's main module again, and with
it torch. A worker ends when its input ends, even if the parent was killed; Ctrl+C reaches only the parent.
"""

import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, BinaryIO, Generic, TypeVar, cast

from service.errors import InternalFault, WithThisError

_STOP_S = 5.0
_DIED = (
    "A worker process that reads images ended unexpectedly, perhaps for lack of memory. Run the command again: it "
    "resumes where it stopped. WITHTHIS_INGEST_WORKERS=0 reads images without workers."
)
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
_Name = TypeVar("_Name")


class Workers(Generic[_Task, _Result]):
    """`workers` processes that call `work`; with 0, the caller's own thread does. Use it in a `with`."""

    def __init__(self, work: Callable[[_Task], _Result], workers: int) -> None:
        """`work`, tasks and results are pickled. Processes are started with the first task."""
        self._work = work
        self._count = workers
        self._workers: list[_Worker] = []
        self._own = threading.local()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(max(1, workers), thread_name_prefix="images")

    def __enter__(self) -> "Workers[_Task, _Result]":
        """Nothing to do yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the workers; at once if the block ended with an error."""
        if kind is not None:
            for worker in self._workers:
                worker.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.stop()

    def results(self, tasks: Iterable[tuple[_Name, _Task]], ahead: int) -> Iterator[tuple[_Name, _Result]]:
        """Results under the names of their tasks, in order. At most `ahead` tasks are taken before their turn.

        Raises `InternalFault` if a worker dies, and errors of ours that a task met.
        """
        if self._count == 0:
            yield from ((name, self._work(task)) for name, task in tasks)
            return
        waiting: deque[tuple[_Name, Future[_Result]]] = deque()
        for name, task in tasks:
            waiting.append((name, self._threads.submit(self._run, task)))
            if len(waiting) > ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()

    def _run(self, task: _Task) -> _Result:
        """In a thread of the pool: hand the task to the thread's own worker and wait."""
        worker: _Worker | None = getattr(self._own, "worker", None)
        if worker is None:
            worker = self._own.worker = _Worker(self._work)
            with self._lock:
                self._workers.append(worker)
        return cast(_Result, worker.run(task))


class _Worker:
    """One process."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._to = cast(BinaryIO, self._process.stdin)
        self._from = cast(BinaryIO, self._process.stdout)
        self._work: Callable[[Any], Any] | None = work

    def run(self, task: object) -> object:
        """One task, start to end."""
        try:
            if self._work is not None:
                _send(self._to, self._work)
                self._work = None
            _send(self._to, task)
            answer: object = pickle.load(self._from)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise InternalFault(_DIED) from error
        if isinstance(answer, WithThisError):
            raise answer
        return answer

    def kill(self) -> None:
        """End the process now; a thread that waits for it gets an error."""
        self._process.kill()

    def stop(self) -> None:
        """End the process by ending its input."""
        for pipe in (self._to, self._from):
            with suppress(OSError):  # the last data could not be delivered
                pipe.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main() -> None:
    """The worker: what to call comes first, then tasks until the input ends."""
    tasks = sys.stdin.buffer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not mix with the answers
    try:
        work: Callable[[Any], Any] = pickle.load(tasks)
        while True:
            _send(answers, _answer(work, pickle.load(tasks)))
    except (EOFError, BrokenPipeError):  # the parent has no more tasks, or is gone
        os._exit(0)


def _answer(work: Callable[[Any], Any], task: object) -> object:
    try:
        return work(task)
    except WithThisError as error:  # a full disk, for example: for the parent to report
        return error


def _send(pipe: BinaryIO, content: object) -> None:
    pickle.dump(content, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


if __name__ == "__main__":
    main()
