"""Images as paths, data URIs, bytes and URLs, in this process and in workers."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.catalog.ingest import IngestReport, ingest
from service.catalog.row_images import ImageFetcher
from service.errors import ImageTooLarge, StoreUnavailable
from service.images.decode import ImageLimits
from service.images.store.image_store import ImageStore
from tests.fakes import FakeEncoder, MemoryStore
from tests.unit.service.images.sample_images import encoded, sample_image, two_tone


@dataclass(frozen=True)
class Shelf:
    """A fetcher that needs no network."""

    data: bytes

    def fetch(self, url: str) -> bytes:
        if "huge" in url:
            raise ImageTooLarge
        return self.data


class Bench:
    """A feed of JSON lines and somewhere to put it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "feed"
        self.folder.mkdir()
        self.images = ImageStore(folder / "images")
        self.store = MemoryStore()
        self.encoder = FakeEncoder()

    def run(self, lines: list[dict[str, object]], workers: int, fetcher: ImageFetcher | None = None) -> IngestReport:
        feed = self.folder / "feed.jsonl"
        feed.write_text("\n".join(map(json.dumps, lines)))
        limits = ImageLimits(max_bytes=20_000)
        return ingest(
            feed, self.encoder, self.store, self.images, limits=limits, workers=workers, fetcher=fetcher, batch=4
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def data_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


@pytest.mark.parametrize("workers", [0, 2])
def test_every_way_to_give_an_image(bench: Bench, workers: int) -> None:
    (bench.folder / "a.png").write_bytes(sample_image((1, 1, 1)))
    lines: list[dict[str, object]] = [
        {"id": "path", "image": "a.png"},
        {"id": "uri", "image": data_uri(sample_image((2, 2, 2)))},
        {"id": "url", "image": "https://shop.example/a.png"},
        {"id": "several", "image": ["a.png", data_uri(sample_image((2, 2, 2))), "HTTP://shop.example/b.png"]},
        {"id": "huge", "image": "https://shop.example/huge.png"},
        {"id": "ftp", "image": "ftp://shop.example/a.png"},
        {"id": "long", "image": data_uri(sample_image() + bytes(30_000))},
    ]
    report = bench.run(lines, workers, Shelf(sample_image((3, 3, 3))))
    assert (report.indexed, report.rejected) == (6, 3)
    assert [reject.id for reject in report.first_rejects] == ["huge", "ftp", "long"]
    shades = {
        row.id: bench.images.open(row.product.image_key).image.getpixel((0, 0)) for row in bench.store.rows.values()
    }
    assert shades == {
        **{"path#0": (1, 1, 1), "uri#0": (2, 2, 2), "url#0": (3, 3, 3)},
        **{"several#0": (1, 1, 1), "several#1": (2, 2, 2), "several#2": (3, 3, 3)},
    }
    again = bench.run(lines, workers, Shelf(sample_image((3, 3, 3))))
    assert (again.unchanged, again.indexed, again.rejected) == (6, 0, 3) and len(bench.encoder.seen) == 6


def test_the_network_is_refused_unless_there_is_a_fetcher(bench: Bench) -> None:
    report = bench.run([{"id": "url", "image": "https://shop.example/a.png"}], 0)
    assert report.rejected == 1 and "not fetched" in report.first_rejects[0].reason


@pytest.mark.parametrize("workers", [0, 2])
def test_a_rejected_image_leaves_no_gap_and_nothing_is_made_twice(bench: Bench, workers: int) -> None:
    """Numbers are guessed before images are read; a guess that was wrong must not cost or lose anything."""
    for number in range(4):
        (bench.folder / f"{number}.png").write_bytes(sample_image((number, 0, 0)))
    (bench.folder / "bad.png").write_bytes(b"bad")
    lines: list[dict[str, object]] = [{"id": "p", "image": ["bad.png", "0.png", "0.png", "1.png"]}]
    lines += [{"id": "q", "image": ["2.png", "3.png"]}]
    assert bench.run(lines, workers).indexed == 4
    assert sorted(row.id for row in bench.store.rows.values()) == ["p#0", "p#1", "q#0", "q#1"]
    report = bench.run(lines, workers)
    assert (report.unchanged, report.indexed, report.rejected) == (4, 0, 1) and len(bench.encoder.seen) == 4
    swapped: list[dict[str, object]] = [{"id": "q", "image": ["3.png", "2.png"]}]
    assert bench.run(swapped, workers).indexed == 2
    assert bench.images.open(bench.store.rows["q#0"].product.image_key).image.getpixel((0, 0)) == (3, 0, 0)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_folder_that_cannot_be_written_stops_the_run(bench: Bench, tmp_path: Path, workers: int) -> None:
    (bench.folder / "a.png").write_bytes(sample_image())
    (tmp_path / "images").write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailable, match="image folder"):
        bench.run([{"id": "a", "image": "a.png"}], workers)
    assert bench.store.rows == {}


@pytest.mark.parametrize("workers", [0, 1])
def test_large_images_get_their_rendition_where_they_are_decoded(bench: Bench, workers: int) -> None:
    large, small = encoded(two_tone((2000, 1000)), "WEBP"), sample_image()
    lines: list[dict[str, object]] = [
        {"id": name, "title": name, "image": data_uri(data)} for name, data in (("a", large), ("b", small))
    ]
    assert bench.run(lines, workers).indexed == 2
    kept = [path for path in (bench.folder.parent / "images").glob("renditions-*/*/*")]
    assert [path.stem for path in kept] == [ImageStore.key(large).partition(".")[0]]
    assert bench.images.rendition(ImageStore.key(large)).image.size == (1024, 512)
