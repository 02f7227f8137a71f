"""What all clients send together is read at a bounded pace; a client that asks for little never waits."""

from __future__ import annotations

import asyncio

import pytest

from service.server.connections.pace import Pace, PacedFlow


class Transport(asyncio.Transport):
    """Notes whether the connection is read from."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = [True]

    def is_read(self) -> bool:
        return self.reads[-1]

    def pause_reading(self) -> None:
        self.reads.append(False)

    def resume_reading(self) -> None:
        self.reads.append(True)


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time is set by the test."""

    now = 100.0

    def time(self) -> float:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += seconds
        self.call_soon(self.stop)
        self.run_forever()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def connections(clock: Clock, pace: Pace, count: int) -> tuple[list[Transport], list[PacedFlow]]:
    transports = [Transport() for _ in range(count)]
    return transports, [PacedFlow(transport, pace, clock) for transport in transports]


def test_what_is_owed_is_waited_for_and_nothing_is_saved_up() -> None:
    pace = Pace(per_second=100)
    assert pace.spend(50, now=10.0) == pytest.approx(0.5)
    assert pace.spend(100, now=10.5) == pytest.approx(1.0)
    assert pace.spend(10, now=60.0) == pytest.approx(0.1)


def test_connections_that_pour_in_take_turns_and_one_that_asks_for_little_is_read_at_once(clock: Clock) -> None:
    pace = Pace(per_second=1000)
    transports, flows = connections(clock, pace, 3)
    for flow in flows:
        flow.spend(500)
    assert [one.is_read() for one in transports] == [False, False, False]
    clock.pass_s(0.6)
    assert [one.is_read() for one in transports] == [True, False, False]
    clock.pass_s(1.0)
    assert [one.is_read() for one in transports] == [True, True, True]
    [small], [flow] = connections(clock, pace, 1)
    flow.spend(10)
    assert small.is_read()
    clock.close()


def test_the_application_and_the_pace_must_both_want_more(clock: Clock) -> None:
    [transport], [flow] = connections(clock, Pace(per_second=1000), 1)
    flow.spend(500)
    flow.pause_reading()
    clock.pass_s(0.6)
    assert not transport.is_read(), "the application has enough"
    flow.resume_reading()
    assert transport.is_read()
    flow.spend(500)
    flow.pause_reading()
    flow.resume_reading()
    assert not transport.is_read(), "the pace does not allow it yet"
    clock.pass_s(0.6)
    assert transport.is_read()
    clock.close()


def test_a_connection_that_has_ended_is_left_alone(clock: Clock) -> None:
    [transport], [flow] = connections(clock, Pace(per_second=1000), 1)
    flow.spend(500)
    flow.close()
    clock.pass_s(0.6)
    assert not transport.is_read()
    clock.close()
