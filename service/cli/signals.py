"""The signals that end a process: the same for every command, so that open resources are closed on each of them."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], object]


def all_ending_signals() -> list[signal.Signals]:
    """SIGINT, SIGTERM and SIGHUP; SIGBREAK on Windows."""
    return [one for one in signal.Signals if one.name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")]


def ending_signals() -> list[signal.Signals]:
    """Those that end this process: all, but no SIGHUP that it was started to ignore.

    `nohup` starts a program so, which then is to outlive its terminal.
    """
    return [one for one in all_ending_signals() if one.name != "SIGHUP" or signal.getsignal(one) is not signal.SIG_IGN]


@contextmanager
def handled_by(handler: Handler) -> Iterator[None]:
    """Send the ending signals to `handler` while the block runs.

    Only the main thread receives signals; in another one nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in ending_signals()}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, signal.SIG_DFL if previous is None else previous)


def undisturbed() -> AbstractContextManager[None]:
    """Let the block come to its end: ending signals have no effect in it."""
    return handled_by(lambda number, frame: None)


@contextmanager
def held_back() -> Iterator[None]:
    """Keep ending signals waiting until the block is over; processes that it starts do the same until they call
    `exit_on_any_signal`.
    """
    if sys.platform == "win32":  # which has no such waiting
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, all_ending_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def exit_on_any_signal() -> None:
    """The same as `exit_on_signals` in a process that another one started: also Ctrl+C, and whatever its parent does
    at a signal.
    """
    for number in ending_signals():
        signal.signal(number, _exit)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, all_ending_signals())


def exit_on_signals() -> None:
    """From now on SIGTERM and SIGHUP unwind the main thread, as Ctrl+C does, so that every `finally` is reached.

    By default they end the process at once. The exit status is the shell's, 128 and the signal's number.
    """
    for number in ending_signals():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
