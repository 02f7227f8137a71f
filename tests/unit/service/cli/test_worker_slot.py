"""The place of a worker: how soon the next one starts, and when one hangs."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from service.cli import worker_slot
from service.cli.worker_slot import HANGS_S, ROUND_S, WorkerSlot
from service.settings import Settings


@dataclass
class FakeProcess:
    """Ends when it is told how."""

    context: FakeContext
    pid: int = 7
    exitcode: int | None = None
    killed: bool = False

    def start(self) -> None:
        if self.context.exhausted:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        self.context.started.append(self)

    def is_alive(self) -> bool:
        return self.exitcode is None

    def kill(self) -> None:
        self.killed = True

    def close(self) -> None:
        """As the original."""


@dataclass
class FakeContext:
    """Makes no processes."""

    started: list[FakeProcess] = field(default_factory=list)
    exhausted: bool = False

    def Process(self, **arguments: object) -> FakeProcess:  # noqa: N802 (as in multiprocessing)
        return FakeProcess(self)

    def RawValue(self, code: str, value: int) -> SimpleNamespace:  # noqa: N802 (as in multiprocessing)
        return SimpleNamespace(value=value)


@dataclass
class Clock:
    """The time that a slot sees."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(worker_slot, "time", clock)
    monkeypatch.setattr(worker_slot, "forget", lambda pid: None)
    return clock


@pytest.fixture
def context() -> FakeContext:
    return FakeContext()


@pytest.fixture
def slot(context: FakeContext, clock: Clock) -> WorkerSlot:
    fake: Any = context
    with socket.socket() as sock:
        return WorkerSlot(fake, lambda settings: pytest.fail("nothing is built here"), Settings(_env_file=None), sock)


def pause_after(slot: WorkerSlot, context: FakeContext, clock: Clock, *, serves: bool) -> float:
    """How long the slot stays empty after its process has ended."""
    slot.start_when_due()
    if serves:
        slot._pulse.begin_to_serve()
    context.started[-1].exitcode = -9
    assert slot.look(round_over=False) == -9
    begin, count = clock.now, len(context.started)
    while len(context.started) == count:
        slot.start_when_due()
        clock.now += 0.25
    return clock.now - begin - 0.25


def test_pauses_grow_with_each_worker_that_does_not_come_to_serve(
    slot: WorkerSlot, context: FakeContext, clock: Clock
) -> None:
    assert not slot.has_served
    assert [pause_after(slot, context, clock, serves=False) for _ in range(8)] == [0, 1, 2, 4, 8, 16, 30, 30]
    assert [pause_after(slot, context, clock, serves=True) for _ in range(3)] == [0, 0, 0]
    assert [pause_after(slot, context, clock, serves=False) for _ in range(2)] == [0, 1]
    assert slot.has_served


def test_where_no_process_can_be_started_it_is_tried_again(
    slot: WorkerSlot, context: FakeContext, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    context.exhausted = True
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            slot.start_when_due()
            clock.now += 0.5
    assert slot.process is None
    assert [record.getMessage() for record in caplog.records] == [
        "A worker cannot be started (Resource temporarily unavailable); the next one starts now.",
        "A worker cannot be started (Resource temporarily unavailable); the next one starts in 1 s.",
    ]
    context.exhausted, clock.now = False, clock.now + 30
    slot.start_when_due()
    assert slot.process is not None


def test_a_worker_without_signs_of_life_is_killed(slot: WorkerSlot, context: FakeContext) -> None:
    slot.start_when_due()
    (process,) = context.started
    rounds = int(HANGS_S / ROUND_S)
    for _ in range(rounds - 1):
        slot.look(round_over=True)
    slot._pulse.beat()
    for _ in range(rounds):
        assert not process.killed
        slot.look(round_over=True)
    for _ in range(2 * rounds):
        slot.look(round_over=False)  # another worker has ended; nothing is said of time
    slot.look(round_over=True)
    assert process.killed


@pytest.mark.parametrize(
    ("status", "told"), [(3, "exit status 3"), (-9, "SIGKILL"), (-40, "signal 40")], ids=["exit", "named", "unnamed"]
)
def test_the_log_tells_how_a_worker_ended(
    slot: WorkerSlot, context: FakeContext, caplog: pytest.LogCaptureFixture, status: int, told: str
) -> None:
    slot.start_when_due()
    context.started[-1].exitcode = status
    assert slot.look(round_over=False) == status
    assert caplog.records[-1].getMessage() == f"Worker 7 ended ({told}); the next one starts now."
