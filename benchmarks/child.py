"""A benchmark in its own process, isolated from the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.machine import ROOT
from benchmarks.report import NOT_HERE, Report

LIMIT_S = 3600.0
STOP_S = 30.0
MISSED = "**A target of this table was missed.**"


class BenchmarkError(Exception):
    """Why there is no result."""


class NotHereError(BenchmarkError):
    """The benchmark cannot run on this machine; it has said why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a benchmark found; `missed`: it ended with 1, as those do that check a target."""

    report: Report
    missed: bool

    def markdown(self) -> str:
        """The tables, and whether the target was missed."""
        return "\n\n".join([self.report.markdown(), *([MISSED] if self.missed else [])])


def run(module: str, options: Sequence[str], limit_s: float = LIMIT_S) -> Outcome:
    """`python -m MODULE OPTIONS --json`; everything else, including progress, goes to stderr unchanged.

    Raises:
        NotHereError, BenchmarkError: it failed, took longer than `limit_s`, or printed something else.
    """
    command = [sys.executable, "-m", module, *options, "--json"]
    # A session of its own: whatever it started ends with it.
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        text, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"stopped after {limit_s:g} s") from error
    finally:
        _end(process)
        if process.stdout is not None:
            process.stdout.close()
    return _outcome(text, process.returncode)


def _outcome(text: str, status: int) -> Outcome:
    if status == NOT_HERE:
        raise NotHereError("it cannot run on this machine")
    try:
        if status in (0, 1):
            return Outcome(Report.read(text), missed=status == 1)
    except (ValueError, KeyError, TypeError):
        pass
    raise BenchmarkError(f"it ended with {status} and no tables")


def _end(process: subprocess.Popen[str]) -> None:
    """Interrupt first, so that it ends the servers that it has started in sessions of their own."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            continue
