"""Bulk ingest on a local Ray with two encoders, against the ingest of one process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from service.catalog.ingest import IngestReport, ingest
from service.errors import ConfigurationError, EncoderUnavailable, FeedError, InternalFault
from service.images.store.image_store import ImageStore
from service.stores.exact.exact_store import ExactStore
from tests.integration.ingest_entry import MortalEncoder
from tests.integration.ray_encoders import LoadMortal, load_badly, load_nothing
from tests.integration.records import content_of
from tests.unit.service.images.sample_images import encoded

pytest.importorskip("ray.data", reason="ray is not installed: pip install 'withthis[ray]'", exc_type=ImportError)
from service.catalog.distributed import RayOptions, ingest_on_ray
from service.catalog.distributed.cluster import connected

# Ray's own: it sets deprecated options of itself.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
TWO = RayOptions(encoders=2)
ROWS, BATCH = 120, 16


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One Ray for all tests, which takes seconds to start; its token goes to another home than the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        with connected(TWO):
            yield


@dataclass
class Bench:
    """The same feed brought into two stores."""

    folder: Path
    lines: list[dict[str, Any]]
    here: ExactStore
    on_ray: ExactStore

    def write(self) -> Path:
        """The feed's file."""
        feed = self.folder / "feed.jsonl"
        feed.write_text("\n".join(map(json.dumps, self.lines)))
        return feed

    def run_here(self) -> IngestReport:
        """In this process."""
        images, rejects = ImageStore(self.folder / "images"), self.folder / "here.jsonl"
        return ingest(self.write(), MortalEncoder(), self.here, images, rejects_path=rejects, batch=BATCH)

    def run_on_ray(self, **options: Any) -> IngestReport:
        """On Ray."""
        images, rejects = ImageStore(self.folder / "images-of-ray"), self.folder / "ray.jsonl"
        options = {"load": LoadMortal(), "store": self.on_ray, "images": images, "batch": BATCH, **options}
        return ingest_on_ray(self.write(), ray_options=TWO, rejects_path=rejects, **options)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Products with one image, every tenth with three; among them images and lines that cannot be used."""
    lines: list[dict[str, Any]] = []
    for number in range(ROWS):
        names = [f"{number}-{place}.png" for place in range(1 if number % 10 else 3)]
        for place, name in enumerate(names):
            (tmp_path / name).write_bytes(encoded(Image.new("RGB", (8, 8), (number, place, 99))))
        image = names[0] if len(names) == 1 else names
        lines.append({"id": f"p{number}", "image": image, "price": number, "sizes": [1, number], "weight": 1.0})
    lines.insert(7, {"id": "gone", "image": "gone.png"})
    lines.insert(40, {"id": "free", "image": "1-0.png", "price": "free"})
    lines.append({"id": "p3", "image": "3-0.png"})  # an image that it has
    lines.append({"id": "p3", "image": "4-0.png"})  # one that it has not
    return Bench(tmp_path, lines, ExactStore(), ExactStore())


def rows(store: ExactStore) -> dict[str, tuple[dict[str, object], bytes]]:
    """All there is in a store, but for the time of writing; vectors bit by bit."""
    ids = [state.id for page in store.scan() for state in page]
    return {row.id: (content_of(row), row.vector.tobytes()) for row in store.fetch(ids)}


def assert_same(bench: Bench, **options: Any) -> IngestReport:
    """Both ways, the same report, rows, rejects and kept images."""
    here, on_ray = bench.run_here(), bench.run_on_ray(**options)
    assert on_ray == here and rows(bench.on_ray) == rows(bench.here)
    assert (bench.folder / "ray.jsonl").read_text() == (bench.folder / "here.jsonl").read_text()
    names = [{file.name for file in (bench.folder / name).rglob("*.png")} for name in ("images", "images-of-ray")]
    assert names[0] == names[1]
    return on_ray


@pytest.mark.soak
def test_both_ways_make_the_same_of_a_feed_and_of_its_next_version_though_a_worker_is_killed(
    cluster: None, bench: Bench
) -> None:
    killed = bench.folder / "killed"
    report = assert_same(bench, load=LoadMortal(killed))
    assert (report.indexed, report.rejected) == (ROWS + 24 + 1, 3) and killed.exists()
    bench.lines[0]["image"] = bench.lines[0]["image"][1:]  # those left move up, and the last number goes
    bench.lines[1]["price"] = 7
    bench.lines[2]["image"] = "9-0.png"
    del bench.lines[7]
    report = assert_same(bench)
    assert (report.indexed, report.refreshed, report.removed, report.rejected) == (3, 1, 1, 2)


def test_errors_say_what_is_wrong(cluster: None, bench: Bench) -> None:
    with pytest.raises(EncoderUnavailable, match="no weights"):
        bench.run_on_ray(load=load_nothing)
    with pytest.raises(InternalFault, match="Ray's logs"):
        bench.run_on_ray(load=load_badly)
    with pytest.raises(FeedError):
        ingest_on_ray(bench.folder / "none.csv", LoadMortal(), ExactStore(), ImageStore(bench.folder), ray_options=TWO)
    with pytest.raises(ConfigurationError, match="ENCODERS"), connected(RayOptions(device="cuda")):
        pass
