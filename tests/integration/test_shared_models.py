"""What workers share survives a fork: no thread runs before it, and after it the models compute what they always do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESTARTED = {"jemalloc_bg_thd"}
"""Of pyarrow's allocator, which sees to it itself that a fork has one."""


def run(forks: int, folder: Path) -> tuple[list[str], list[str]]:
    """The threads that there were, and the results of each process."""
    folder.mkdir()
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # it ends its threads before a fork; here they would be seen
    command = [sys.executable, "-m", "tests.integration.shared_models_entry", str(forks), str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout), [path.read_text() for path in folder.iterdir()]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, workers are not forked")
def test_forks_compute_what_a_process_of_its_own_does(tmp_path: Path) -> None:
    threads, results = run(2, tmp_path / "forked")
    assert len([name for name in threads if name not in RESTARTED]) == 1, threads
    _, expected = run(0, tmp_path / "alone")
    assert results == expected * 2
