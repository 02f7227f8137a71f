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


def exit_on_signals() -> None:
    """From now on SIGTERM and SIGHUP unwind the main thread, as Ctrl+C does, so that every `finally` is reached.

    By default they end the process at once. The exit status is the shell's, 128 and the signal's number.
    """
    for number in ending_signals():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
