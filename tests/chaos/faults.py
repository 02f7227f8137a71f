"""What is done to a service in a chaos run, fault by fault; each begins, lasts, and ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.milvus_server import MilvusProcess
from tests.chaos.service import Service
from tests.chaos.switchable_model import WELL, ModelProcess
from tests.disks import SmallDisk

HOLD_S = 8.0
"""How long a fault lasts."""
COLLECTION = "chaos"
DRIPS = ("headers", "interim", "body")


@dataclass(frozen=True, slots=True)
class Fault:
    """`begin` brings it about; after `hold_s` seconds `end` reverts it, and returns when the cause is gone."""

    name: str
    begin: Callable[[], None]
    end: Callable[[], None]
    hold_s: float = HOLD_S


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault of a run, on the clock of `time.monotonic()`."""

    name: str
    began: float
    ended: float


def happen(fault: Fault) -> Happened:
    """Let it happen."""
    began = time.monotonic()
    fault.begin()
    time.sleep(fault.hold_s)
    fault.end()
    return Happened(fault.name, began, time.monotonic())


def of_the_model(model: ModelProcess) -> list[Fault]:
    """The model server drips in three ways, and hangs."""
    names = {"silent": "model hangs"} | {drip: f"model drips {drip}" for drip in DRIPS}
    return [Fault(name, lambda mode=mode: model.say(mode), lambda: model.say(WELL)) for mode, name in names.items()]  # type: ignore[misc]


def of_the_process(service: Service) -> list[Fault]:
    """It is stopped, or killed, and started again."""
    return [
        Fault(number.name, lambda number=number: service.end(number), lambda: _restart(service), 1.0)  # type: ignore[misc]
        for number in (signal.SIGTERM, signal.SIGKILL)
    ]


def of_the_disk(disk: SmallDisk, service: Service) -> list[Fault]:
    """It fills and empties; with a polite end and a kill while it is full, and a kill just after it was emptied."""

    def kill_after_writes() -> None:
        disk.empty()
        time.sleep(3.0)  # writes are taken again
        service.end(signal.SIGKILL)
        _restart(service)

    def end_when_full(number: signal.Signals) -> Callable[[], None]:
        def begin() -> None:
            disk.fill()
            time.sleep(3.0)
            service.end(number)

        return begin

    def start_when_full() -> None:
        service.start()
        time.sleep(5.0)
        disk.empty()
        service.until_ready()

    def empty_and_start() -> None:
        disk.empty()
        _restart(service)

    return [
        Fault("disk full", disk.fill, disk.empty),
        Fault("disk full, SIGTERM", end_when_full(signal.SIGTERM), empty_and_start, 1.0),
        Fault("disk full, SIGKILL, started while full", end_when_full(signal.SIGKILL), start_when_full, 1.0),
        Fault("disk full, emptied, SIGKILL", disk.fill, kill_after_writes),
    ]


def of_the_server(store: MilvusProcess) -> list[Fault]:
    """The store stands still, longer than its timeout, or is killed and started again until it has its rows again."""

    def start() -> None:
        store.start()
        store.until_loaded(COLLECTION)

    return [
        Fault("store stands still", store.pause, store.resume, 2 * HOLD_S),
        Fault("store is killed", store.kill, start, 1.0),
    ]


def _restart(service: Service) -> None:
    service.start()
    service.until_ready()


def mixed(*kinds: Sequence[Fault]) -> list[Fault]:
    """One of each kind in turn."""
    longest = max(map(len, kinds))
    return [kind[place] for place in range(longest) for kind in kinds if place < len(kind)]
