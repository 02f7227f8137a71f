"""Features that are extracted while images are indexed are those that a search finds."""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from rerank.engines.features import FeatureForm
from service.catalog.indexed_features import BATCH, IndexedFeatures
from service.catalog.ingest import IngestReport, ingest
from service.images.decode import ImageLimits
from service.images.store.image_store import ImageStore
from tests.fakes import FakeEncoder, MemoryStore
from tests.unit.service.images.sample_images import sample_image

FORM = FeatureForm("fake-1", 4)


def checksum(image: Image.Image) -> bytes:
    return zlib.crc32(image.tobytes()).to_bytes(4, "big")


class Extracting:
    """Takes checksums for features, and keeps the numbers of images that it was given at once."""

    def __init__(self, images: ImageStore) -> None:
        self.images, self.asked = images, list[int]()

    def __call__(self, images: Sequence[Image.Image]) -> list[bytes]:
        self.asked.append(len(images))
        return [checksum(image) for image in images]

    def ingest(self, feed: Path, *, dry_run: bool = False, batch: int = 100) -> IngestReport:
        with IndexedFeatures(self.images, FORM, self) as features:
            store, limits = MemoryStore(), ImageLimits(working_side=64)
            return ingest(
                feed, FakeEncoder(), store, self.images, limits=limits, batch=batch, dry_run=dry_run, features=features
            )


@pytest.fixture
def extracting(tmp_path: Path) -> Extracting:
    return Extracting(ImageStore(tmp_path / "store", ImageLimits(working_side=64)))


def a_feed(folder: Path, sizes: Sequence[int]) -> Path:
    """A feed with an image of each size, in a gray of its own."""
    feed = folder / "feed.csv"
    with feed.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "title"])
        for number, side in enumerate(sizes):
            (folder / f"{number}.png").write_bytes(sample_image((number, number, number), size=(side, side)))
            writer.writerow([f"p{number}", f"{number}.png", "a mug"])
    return feed


def test_each_image_has_the_features_of_what_a_search_would_see(extracting: Extracting, tmp_path: Path) -> None:
    feed = a_feed(tmp_path, [32] * (BATCH + 2))
    assert extracting.ingest(feed).indexed == BATCH + 2
    assert extracting.asked == [BATCH, 2]
    stored = extracting.images.features(FORM)
    for number in range(BATCH + 2):
        key = extracting.images.key((tmp_path / f"{number}.png").read_bytes())
        assert stored.read(key) == checksum(extracting.images.rendition(key).image)


def test_an_image_that_is_ranked_by_its_rendition_is_left_to_the_first_search(
    extracting: Extracting, tmp_path: Path
) -> None:
    extracting.ingest(a_feed(tmp_path, [63, 64, 200]))
    assert extracting.asked == [1]


def test_a_dry_run_extracts_nothing(extracting: Extracting, tmp_path: Path) -> None:
    assert extracting.ingest(a_feed(tmp_path, [32]), dry_run=True).indexed == 1
    assert extracting.asked == []


def test_what_was_extracted_goes_with_an_image_that_is_not_used(extracting: Extracting, tmp_path: Path) -> None:
    extracting.ingest(a_feed(tmp_path, [32]))
    assert extracting.images.sweep(set(), older_than=math.inf, form=FORM).files == 2
