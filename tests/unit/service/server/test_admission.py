"""Slots are never given twice, and come back whatever becomes of those who wait for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import Overloaded
from service.server.admission import Admission

LONG = 60.0


def admission(slots: int, queue: int = 100, wait_s: float = LONG) -> Admission:
    return Admission(concurrency=slots, queue=queue, wait_s=wait_s, retry_after_s=1)


async def hold(room: Admission, size: int, name: str, order: list[str], until: anyio.Event) -> None:
    async with room.slot(size):
        order.append(name)
        await until.wait()


async def settled(true: Callable[[], bool]) -> None:
    """Other tasks run until this is so."""
    with anyio.fail_after(30):
        while not true():
            await anyio.lowlevel.checkpoint()


def run(test: Callable[[], Awaitable[None]]) -> None:
    anyio.run(test)


def test_a_large_call_takes_its_slots_at_once_and_no_small_one_overtakes_it() -> None:
    async def test() -> None:
        room, order, first, rest = admission(4), list[str](), anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(hold, room, 2, "first", order, first)
            await settled(lambda: room.in_use == 2)
            group.start_soon(hold, room, 9, "all", order, rest)  # more than there are: all of them
            await settled(lambda: room.waiting == 1)
            group.start_soon(hold, room, 1, "small", order, rest)
            await settled(lambda: room.waiting == 2)
            assert (order, room.in_use) == (["first"], 2), "two are free, and kept for the large one"
            first.set()
            await settled(lambda: len(order) == 2)
            assert order == ["first", "all"] and room.in_use == 4
            rest.set()
        assert order[-1] == "small" and (room.in_use, room.waiting) == (0, 0)

    run(test)


def test_who_leaves_the_line_keeps_nobody_waiting_and_no_slot() -> None:
    async def test() -> None:
        room, order, held, done = admission(2), list[str](), anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(hold, room, 1, "first", order, held)
            await settled(lambda: room.in_use == 1)
            leaving = anyio.CancelScope()

            async def leaves() -> None:
                with leaving:
                    await hold(room, 2, "leaves", order, done)

            group.start_soon(leaves)
            await settled(lambda: room.waiting == 1)
            group.start_soon(hold, room, 1, "small", order, done)
            await settled(lambda: room.waiting == 2)
            leaving.cancel()
            await settled(lambda: order == ["first", "small"])
            held.set()
            done.set()
        assert (room.in_use, room.waiting) == (0, 0)

    run(test)


def test_a_full_line_and_one_that_takes_too_long_are_refused() -> None:
    async def test() -> None:
        full, slow, done = admission(1, queue=0), admission(1, wait_s=0.0), anyio.Event()
        async with anyio.create_task_group() as group:
            for room in (full, slow):
                group.start_soon(hold, room, 1, "first", [], done)
                await settled(lambda: room.in_use == 1)  # noqa: B023 (called here)
                with pytest.raises(Overloaded):
                    async with room.slot():
                        raise AssertionError
                assert (room.in_use, room.waiting) == (1, 0)
            done.set()
        assert full.in_use == slow.in_use == 0

    run(test)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=20), st.integers(1, 4))
def test_never_more_than_there_are_whoever_leaves(calls: list[tuple[int, bool]], slots: int) -> None:
    async def test() -> None:
        room, held = admission(slots), [0]

        async def call(size: int, leaves: bool) -> None:
            with anyio.CancelScope() as scope:
                async with room.slot(size):
                    held[0] += min(size, slots)
                    assert held[0] <= room.in_use <= slots
                    if leaves:
                        scope.cancel()
                    try:
                        await anyio.lowlevel.checkpoint()
                    finally:
                        held[0] -= min(size, slots)

        async with anyio.create_task_group() as group:
            for size, leaves in calls:
                group.start_soon(call, size, leaves)
        assert (room.in_use, room.waiting, held) == (0, 0, [0])

    run(test)
