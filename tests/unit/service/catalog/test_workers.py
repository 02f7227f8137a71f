"""Worker processes: in order, bounded, gone afterwards, and without the libraries of the models."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from service.catalog.workers import Workers
from service.errors import InternalFault, StoreUnavailable


@dataclass(frozen=True)
class Square:
    """Work that is slower for the first tasks, so that order is not a matter of luck."""

    def __call__(self, number: int) -> int:
        time.sleep(0.2 if number < 2 else 0)
        print("noise on standard output")
        return number * number


@dataclass(frozen=True)
class Misbehave:
    """Work that goes wrong in the way that the task names."""

    def __call__(self, task: str) -> str:
        if task == "full disk":
            raise StoreUnavailable("The disk is full.")
        if task == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        for module in ("service.catalog.row_images", "service.catalog.reindex"):
            importlib.import_module(module)
        return str("torch" in sys.modules or "pymilvus" in sys.modules)


@dataclass(frozen=True)
class Note:
    """Work that leaves a trace, and takes its time."""

    folder: Path

    def __call__(self, number: int) -> int:
        (self.folder / str(number)).touch()
        time.sleep(0.1)
        return os.getpid()


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "service.catalog.workers" in " ".join(child.cmdline())]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_results_come_in_the_order_of_the_tasks(count: int) -> None:
    with Workers(Square(), count) as workers:
        found = list(workers.results(((f"t{n}", n) for n in range(12)), ahead=4))
    assert found == [(f"t{n}", n * n) for n in range(12)]
    assert children() == []


def test_no_more_tasks_are_taken_than_may_be_ahead(tmp_path: Path) -> None:
    taken: list[int] = []

    def tasks() -> Iterator[tuple[int, int]]:
        for number in range(50):
            taken.append(number)
            yield number, number

    with Workers(Note(tmp_path), 2) as workers:
        results = workers.results(tasks(), ahead=3)
        next(results)
        assert len(taken) == 4


def test_workers_load_no_models_and_no_store() -> None:
    with Workers(Misbehave(), 1) as workers:
        assert list(workers.results([("name", "look")], ahead=1)) == [("name", "False")]


def test_our_errors_come_through_and_a_dead_worker_is_explained() -> None:
    with pytest.raises(StoreUnavailable, match="disk is full"), Workers(Misbehave(), 1) as workers:
        list(workers.results([("a", "full disk")], ahead=1))
    with pytest.raises(InternalFault, match="WITHTHIS_INGEST_WORKERS=0"), Workers(Misbehave(), 1) as workers:
        list(workers.results([("a", "killed")], ahead=1))
    assert children() == []


def test_an_interrupt_ends_the_workers_at_once(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Workers(Note(tmp_path), 2) as workers:
        for _ in workers.results(((n, n) for n in range(1000)), ahead=100):
            raise KeyboardInterrupt
    assert children() == [] and len(list(tmp_path.iterdir())) < 100
