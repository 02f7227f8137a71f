"""How long threads of OpenMP, by which torch computes, keep a core for nothing."""

import os

_SPINS = "GOMP_SPINCOUNT"
_POLICY = "OMP_WAIT_POLICY"
SPINS = "5000"
"""Rounds of a loop, a tenth of a millisecond: longer than the gaps within a forward pass."""


def sleep_when_idle() -> None:
    """Let threads of GNU's OpenMP sleep when there is nothing to compute; call it before torch is imported.

    By default they wait in a loop for milliseconds after each operation, and take the core from whoever has work: on
    two busy cores, embedding one query at a time took 49 ms of CPU, and 27 ms so. `GOMP_SPINCOUNT` or
    `OMP_WAIT_POLICY` in the environment takes precedence; other OpenMP libraries are not affected.
    """
    if _POLICY not in os.environ:
        os.environ.setdefault(_SPINS, SPINS)
