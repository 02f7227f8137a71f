"""Bulk ingest into real Milvus Lite, with a process killed in the middle."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.catalog.ingest import ingest
from service.errors import EncoderMismatch
from service.images.store.image_store import ImageStore
from service.stores.filters import parse_filter
from service.stores.milvus.milvus_store import MilvusStore
from tests.fakes import FakeEncoder
from tests.unit.service.images.sample_images import sample_image

ROWS = 40
KILLED = """
import sys, time
from pathlib import Path
from service.images.store.image_store import ImageStore
from service.catalog.ingest import ingest
from service.stores.milvus.milvus_store import MilvusStore
from tests.fakes import FakeEncoder

def progress(report):
    print(report.seen, flush=True)
    time.sleep(60 if report.seen >= 12 else 0)

folder = Path(sys.argv[1])
store = MilvusStore(str(folder / "milvus.db"))
ingest(folder / "feed.csv", FakeEncoder(), store, ImageStore(folder / "images"), batch=4, progress=progress)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A feed of forty products, every other one red."""
    lines = ["id,title,category,price,colour,image"]
    for number in range(ROWS):
        (tmp_path / f"{number}.png").write_bytes(sample_image((number, number, number)))
        lines.append(f"p{number},Title {number},mug,{number},{'red' if number % 2 else 'blue'},{number}.png")
    (tmp_path / "feed.csv").write_text("\n".join(lines))
    return tmp_path


def test_a_killed_run_is_resumed(folder: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "12":
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    store, encoder = MilvusStore(str(folder / "milvus.db")), FakeEncoder()
    report = ingest(folder / "feed.csv", encoder, store, ImageStore(folder / "images"))
    written = 11  # the last product waits, as more of its images might come
    assert (report.unchanged, report.indexed, report.rejected) == (written, ROWS - written, 0)
    assert store.count() == ROWS and len(encoder.seen) == ROWS - written
    store.close()


def test_columns_become_attributes_that_can_be_filtered(folder: Path) -> None:
    store, encoder, images = MilvusStore(str(folder / "milvus.db")), FakeEncoder(), ImageStore(folder / "images")
    ingest(folder / "feed.csv", encoder, store, images)
    vector = store.get("p5")[0].vector
    wanted = parse_filter({"attributes": {"colour": {"eq": "red"}}, "price": {"lte": 9}})
    hits = store.search(vector, limit=9, filter=wanted)
    assert {hit.product_id for hit in hits} == {"p1", "p3", "p5", "p7", "p9"} and hits[0].product_id == "p5"
    assert images.open(hits[0].product.image_key).image.getpixel((0, 0)) == (5, 5, 5)
    assert ingest(folder / "feed.csv", encoder, store, images).unchanged == ROWS
    encoder.info = type(encoder.info)("fake", 8, "fake-2", encoder.info.modalities, 16)
    with pytest.raises(EncoderMismatch):
        ingest(folder / "feed.csv", encoder, store, images)
    store.close()
