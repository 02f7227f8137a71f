"""Nothing acknowledged is lost, whatever breaks; `python -m tests.chaos` runs the same with figures alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.milvus_server import MilvusServerError
from tests.chaos.run import chaos

SECONDS = float(os.environ.get("CHAOS_SECONDS", "300"))


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 900)
@pytest.mark.parametrize("store", ["lite", "server"])
def test_nothing_acknowledged_is_lost_whatever_breaks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], store: str
) -> None:
    try:
        run = chaos(tmp_path, SECONDS, 900, on_server=store == "server")
    except MilvusServerError as error:
        pytest.skip(str(error))
    with capfd.disabled():
        run.report().show()
    assert run.faults_found() == []
