"""How much memory threads hold back from one another."""

import ctypes
import os
import sys
import threading
import time
from contextlib import suppress
from functools import cache

ARENAS = 2
_M_ARENA_MAX = -8
"""The parameter's number in glibc's `malloc.h`."""
_VARIABLE = "MALLOC_ARENA_MAX"
_EVERY_S = 5.0
_WORK_S = 0.1
"""CPU time of this process since memory was last given back, below which there is nothing to give."""


def share_arenas() -> None:
    """Let all future threads allocate from `ARENAS` arenas; it costs no speed that could be measured.

    glibc gives new threads arenas of their own, up to eight a core, and what a thread has freed stays in its arena.
    Reranking frees large arrays in threads that come and go: after 120 searches, four at a time, the service held 1.7
    GB, and 1.1 GB with two arenas. `MALLOC_ARENA_MAX` in the environment takes precedence; other C libraries are not
    affected.
    """
    if sys.platform != "linux" or _VARIABLE in os.environ:
        return
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL("libc.so.6").mallopt(_M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return to the system what is free in glibc's heap: after the bundled models were loaded, 70 MB."""
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)


@cache
def give_back_regularly() -> None:
    """The same every few seconds, for as long as this process works; the first call starts a thread for that.

    What searches allocate and free is scattered over the heap, and glibc returns only what is at its end: after 40
    searches with reranking it kept 150 MB. Giving them back takes 2 to 12 ms of CPU.
    """
    threading.Thread(target=_keep_giving_back, name="memory", daemon=True).start()


def _keep_giving_back() -> None:
    given_at = time.process_time()
    while True:
        time.sleep(_EVERY_S)
        if time.process_time() - given_at >= _WORK_S:
            give_back()
            given_at = time.process_time()
