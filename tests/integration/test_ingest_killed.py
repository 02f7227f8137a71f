"""A bulk ingest of 2,000 images into Milvus Lite, killed at three moments and resumed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from service.catalog.ingest import ingest
from service.images.store.image_store import ImageStore
from service.stores.exact.exact_store import ExactStore
from service.stores.milvus.milvus_store import MilvusStore
from service.stores.store import Vector
from tests.integration.ingest_entry import MortalEncoder
from tests.unit.service.images.sample_images import encoded

IMAGES = 2000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A feed of two thousand different images."""
    lines = []
    for number in range(IMAGES):
        (tmp_path / f"{number}.png").write_bytes(encoded(Image.new("RGB", (8, 8), (number % 256, number // 256, 99))))
        lines.append(json.dumps({"id": f"p{number}", "image": f"{number}.png", "price": number}))
    (tmp_path / "feed.jsonl").write_text("\n".join(lines))
    return tmp_path


def start(folder: Path, moment: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.integration.ingest_entry", str(folder), moment]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def kill(folder: Path, moment: str, event: str, times: int) -> None:
    """Run until an event was seen so many times (or the process kills itself), then kill; no worker may stay."""
    with start(folder, moment) as process:
        assert process.stdout is not None
        workers: list[psutil.Process] = []
        for line in process.stdout:
            workers = workers or psutil.Process(process.pid).children()
            times -= line.startswith(event)
            if times == 0:
                break
        process.kill()
    assert process.returncode == -9 and workers
    assert psutil.wait_procs(workers, timeout=20)[1] == []


def vectors(store: MilvusStore | ExactStore) -> dict[str, Vector]:
    ids = [state.id for page in store.scan() for state in page]
    return {record.id: record.vector for record in store.fetch(ids)}


@pytest.mark.slow
def test_after_three_kills_nothing_is_lost_or_doubled(folder: Path) -> None:
    kill(folder, "", "seen", 6)  # between two batches
    kill(folder, "encoding", "never", 1)  # images kept, vectors made, rows not written
    kill(folder, "", "writing", 15)  # in the middle of a write
    with start(folder) as process:
        assert process.stdout is not None
        *_, last = process.stdout
    unchanged, indexed, rejected = map(int, last.split()[1:])
    assert (unchanged + indexed, rejected) == (IMAGES, 0) and unchanged > 20 * 32
    resumed, whole, images = MilvusStore(str(folder / "milvus.db")), ExactStore(), ImageStore(folder / "images")
    report = ingest(folder / "feed.jsonl", MortalEncoder(), whole, ImageStore(folder / "others"))
    assert (report.indexed, resumed.count()) == (IMAGES, IMAGES)
    found, expected = vectors(resumed), vectors(whole)
    assert found.keys() == expected.keys() == {f"p{number}#0" for number in range(IMAGES)}
    assert all(np.array_equal(found[id], expected[id]) for id in expected)
    assert images.sweep(resumed.image_keys(), older_than=time.time() + 60, dry_run=True).images == 0
    assert all(images.read(key).data for key in resumed.image_keys())
    resumed.close()
