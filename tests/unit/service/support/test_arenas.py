"""Arenas of malloc, counted by glibc itself in processes of their own; and when their memory is given back."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from service.support import arenas
from service.support.arenas import ARENAS

_ALLOCATE = """
import ctypes, sys, threading
from service.support.arenas import share_arenas
if sys.argv[1] == "shared":
    share_arenas()
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
together = threading.Barrier(12)
def allocate():
    together.wait()
    libc.malloc(3000)
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.malloc_stats()
"""


def _arenas(mode: str, **environment: str) -> int:
    plain = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    done = subprocess.run(
        [sys.executable, "-c", _ALLOCATE, mode], env=plain | environment, capture_output=True, text=True, check=True
    )
    return done.stderr.count("Arena ")


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is a library of Linux")
def test_threads_share_two_arenas_unless_the_environment_says_otherwise() -> None:
    if _arenas("own") <= ARENAS:
        pytest.skip("this C library is not glibc, or this machine has one core")
    assert _arenas("shared") <= ARENAS
    assert _arenas("shared", MALLOC_ARENA_MAX="5") > ARENAS


def test_memory_is_given_back_after_work_and_an_idle_process_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    now, given = 0.0, list[float]()
    ticks = iter([0.01, 0.3, 0.01, 0.01, 0.09, 5.0])  # CPU seconds between two looks

    def sleep(_: float) -> None:
        nonlocal now
        now += next(ticks)

    monkeypatch.setattr(arenas, "time", SimpleNamespace(sleep=sleep, process_time=lambda: now))
    monkeypatch.setattr(arenas, "give_back", lambda: given.append(round(now, 2)))
    with pytest.raises(StopIteration):
        arenas._keep_giving_back()
    assert given == [0.31, 0.42, 5.42]
