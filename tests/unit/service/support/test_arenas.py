"""Arenas of malloc, counted by glibc itself in processes of their own."""

import os
import subprocess
import sys

import pytest

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
