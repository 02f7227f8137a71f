"""Bulk ingest: idempotent, resumable, and never stopped by a bad row."""

import csv
import json
from pathlib import Path

import pytest

from service.catalog.ingest import IngestReport, ingest
from service.errors import ChangedIds, FeedError, StoreUnavailable
from service.images.decode import ImageLimits
from service.images.store.image_store import ImageStore
from tests.fakes import FakeEncoder, MemoryStore
from tests.unit.service.images.sample_images import sample_image


class Bench:
    """A feed, a store and an encoder to play with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "feed"
        self.folder.mkdir()
        self.feed = self.folder / "feed.csv"
        self.rejects = folder / "out" / "rejects.jsonl"
        self.images_dir = folder / "images"
        self.encoder = FakeEncoder()
        self.store = MemoryStore()
        self.lines: list[dict[str, str]] = []

    def add(self, id: str, shade: int, **fields: str) -> None:
        """A line with an image of its own gray."""
        image = f"{shade}.png"
        (self.folder / image).write_bytes(sample_image((shade, shade, shade)))
        self.lines.append({"id": id, "image": image, "title": f"Product {id}", "colour": "grey", **fields})

    def run(self, batch: int = 4, *, new_ids: bool = False) -> IngestReport:
        """One ingest of all lines."""
        names = sorted({name for line in self.lines for name in line})
        with self.feed.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.lines)
        images = ImageStore(self.images_dir)
        limits = ImageLimits(max_bytes=5000)
        options = {"limits": limits, "rejects_path": self.rejects, "batch": batch, "new_ids": new_ids}
        return ingest(self.feed, self.encoder, self.store, images, **options)  # type: ignore[arg-type]

    def reasons(self) -> list[tuple[int, str]]:
        """Lines and reasons in the file of rejects."""
        entries = [json.loads(line) for line in self.rejects.read_text().splitlines()]
        return [(entry["line"], entry["reason"]) for entry in entries]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Ten products."""
    bench = Bench(tmp_path)
    for number in range(10):
        bench.add(f"p{number}", number * 10)
    return bench


def test_first_run_indexes_everything(bench: Bench) -> None:
    report = bench.run()
    assert (report.indexed, report.rejected, report.seen) == (10, 0, 10)
    [record] = bench.store.get("p3")
    assert (record.id, record.product.title, record.product.attributes) == ("p3#0", "Product p3", {"colour": "grey"})
    assert ImageStore(bench.images_dir).open(record.product.image_key).image.getpixel((0, 0)) == (30, 30, 30)
    assert not bench.rejects.exists()
    assert {query.role for query in bench.encoder.seen} == {"document"}


def test_second_run_changes_nothing(bench: Bench) -> None:
    bench.run()
    before = dict(bench.store.rows)
    report = bench.run()
    assert (report.unchanged, report.indexed, report.refreshed) == (10, 0, 0)
    assert bench.store.rows == before and len(bench.encoder.seen) == 10


def test_new_fields_keep_the_vector(bench: Bench) -> None:
    bench.run()
    vector = bench.store.rows["p3#0"].vector
    bench.lines[3]["price"] = "5"
    bench.lines[4]["colour"] = "blue"
    report = bench.run()
    assert (report.refreshed, report.unchanged, report.indexed) == (2, 8, 0)
    row = bench.store.rows["p3#0"]
    assert row.product.price == 5 and (row.vector == vector).all() and len(bench.encoder.seen) == 10


def test_a_new_image_is_encoded(bench: Bench) -> None:
    bench.run()
    (bench.folder / "30.png").write_bytes(sample_image((1, 2, 3)))
    report = bench.run()
    assert (report.indexed, report.unchanged) == (1, 9) and len(bench.encoder.seen) == 11


def test_an_interrupted_run_is_resumed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    upsert, calls = bench.store.upsert, iter(range(100))

    def failing(records: list[object]) -> None:
        if next(calls) == 2:
            raise StoreUnavailable
        upsert(records)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.store, "upsert", failing)
    with pytest.raises(StoreUnavailable):
        bench.run()
    assert bench.store.count() == 7  # the last product of a batch waits, as more of its images might come
    report = bench.run()
    assert (report.unchanged, report.indexed) == (7, 3) and bench.store.count() == 10


def test_a_lost_image_file_comes_back(bench: Bench) -> None:
    bench.run()
    key = bench.store.rows["p1#0"].product.image_key
    [path] = bench.images_dir.rglob(key)
    path.unlink()
    assert bench.run().unchanged == 10 and path.exists()


def test_bad_rows_are_written_down_and_the_rest_goes_in(bench: Bench) -> None:
    (bench.folder / "broken.png").write_bytes(sample_image()[:60])
    (bench.folder / "text.png").write_bytes(b"hello")
    (bench.folder / "big.png").write_bytes(sample_image() + bytes(6000))
    (bench.folder / "anim.gif").write_bytes(b"GIF89a" + bytes(20))
    (bench.folder.parent / "secret.png").write_bytes(sample_image())
    (bench.folder / "link.png").symlink_to(bench.folder.parent / "secret.png")
    (bench.folder / "loop.png").symlink_to(bench.folder / "loop.png")
    bad = ["broken.png", "text.png", "big.png", "anim.gif", "gone.png", "../secret.png", "link.png", "loop.png", "."]
    bad += [str(bench.folder.parent / "secret.png"), "http://example.com/a.png", "file:///etc/passwd"]
    bench.lines += [{"id": f"bad{number}", "image": image} for number, image in enumerate(bad)]
    bench.lines.append({"id": "bad\x01id", "image": "0.png", "price": "free"})
    report = bench.run()
    assert (report.indexed, report.rejected) == (10, len(bad) + 1) and len(report.first_rejects) == 10
    reasons = dict(bench.reasons())
    assert sorted(reasons) == list(range(12, 12 + len(bad) + 1))
    assert all("leads out" in reasons[12 + bad.index(name)] for name in ("../secret.png", "link.png", bad[9]))
    assert "format" in str(reasons[15]) or "JPEG" in reasons[15]
    assert not any("secret" in reason or "Error" in reason for reason in reasons.values())
    assert not any(row.product_id.startswith("bad") for row in bench.store.rows.values())


def test_several_images_of_one_product(bench: Bench) -> None:
    bench.add("p3", 200)
    bench.add("p3", 210)
    bench.add("p3", 200)
    report = bench.run(batch=100)
    assert (report.indexed, report.repeated, report.rejected) == (12, 1, 0)
    assert [row.id for row in bench.store.get("p3")] == ["p3#0", "p3#1", "p3#2"]
    del bench.lines[10:]
    report = bench.run()
    assert (report.removed, report.unchanged) == (2, 10) and len(bench.store.get("p3")) == 1


def test_products_that_the_feed_does_not_name_are_kept(bench: Bench) -> None:
    bench.run()
    bench.lines = bench.lines[:3]
    assert bench.run().removed == 0 and bench.store.count() == 10


def test_progress_is_told_after_every_batch(bench: Bench) -> None:
    bench.run()
    seen: list[int] = []
    ingest(
        bench.feed,
        bench.encoder,
        bench.store,
        ImageStore(bench.images_dir),
        batch=4,
        progress=lambda r: seen.append(r.seen),
    )
    assert seen == [4, 8, 10, 10]


def test_a_folder_of_images(bench: Bench) -> None:
    bench.run()
    store = MemoryStore()
    report = ingest(bench.folder, bench.encoder, store, ImageStore(bench.images_dir))
    assert report.indexed == 10 and store.get("0.png")[0].product.title == "0"


def test_a_feed_that_cannot_be_read_touches_nothing(bench: Bench) -> None:
    with pytest.raises(FeedError):
        ingest(bench.folder / "none.csv", bench.encoder, bench.store, ImageStore(bench.images_dir))
    assert bench.store.count() == 0


def test_rejects_of_an_earlier_run_are_removed(bench: Bench) -> None:
    bench.lines.append({"id": "x", "image": "gone.png"})
    bench.run()
    assert bench.rejects.exists()
    bench.lines.pop()
    bench.run()
    assert not bench.rejects.exists()


def test_a_reject_file_that_cannot_be_written(bench: Bench) -> None:
    bench.rejects.mkdir(parents=True)
    with pytest.raises(FeedError, match="rejected rows"):
        bench.run()


def test_the_store_settles_after_rows_were_written_and_not_otherwise(bench: Bench) -> None:
    bench.run()
    assert bench.store.settled == 10
    bench.store.settled = None
    bench.run()
    assert bench.store.settled is None


def test_a_run_does_not_fail_because_its_rows_cannot_be_indexed_in_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    def full(at_least: int = 0) -> None:
        asked.append(at_least)
        raise StoreUnavailable

    monkeypatch.setattr(bench.store, "settle", full)
    assert bench.run().indexed == 10 and bench.store.count() == 10
    assert asked == [0] and "searches keep working" in caplog.text


def test_changed_ids_are_noticed_before_the_catalog_is_doubled(bench: Bench) -> None:
    bench.run()
    for line in bench.lines:
        line["id"] = f"sku-{line['id']}"
    with pytest.raises(ChangedIds, match="Line 2 has the image of 'p0', here called 'sku-p0'"):
        bench.run()
    assert bench.store.count() == 10 and not bench.rejects.exists()
    assert bench.run(new_ids=True).indexed == 10 and bench.store.count() == 20


def test_new_products_and_images_that_many_share_are_no_change_of_ids(bench: Bench) -> None:
    bench.run()
    bench.lines = [{"id": f"new{number}", "image": "0.png"} for number in range(4)]
    assert bench.run().indexed == 4
    bench.add("other", 200)
    assert bench.run().indexed == 1
    bench.lines = [{"id": f"variant{number}", "image": f"{number * 10}.png"} for number in range(8)]
    with pytest.raises(ChangedIds):
        bench.run()
    bench.lines.append({"id": "p3", "image": "30.png"})
    assert bench.run().indexed == 8  # p3 is stored: these are the catalog's ids


def test_the_report_says_how_the_feed_was_read(bench: Bench) -> None:
    assert bench.run().notes == ["Ids are taken from the column 'id'."]
