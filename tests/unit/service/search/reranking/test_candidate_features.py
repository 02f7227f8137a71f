"""Features of candidates: extracted once, stored beside the images, and read in their place."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import fsspec
import pytest
from PIL.Image import Image

from rerank.engines.features import FeatureForm
from rerank.errors import EngineError, EngineTimeout
from rerank.lru_cache import LruCache
from service.errors import StoreFull
from service.images.store.blobs import LocalBlobs
from service.images.store.image_store import ImageStore
from service.product import Product
from service.search.reranking.candidate_features import FeatureUse
from service.search.reranking.candidate_images import CandidateImages, SeenImage
from service.search.stage_clock import StageClock
from service.stores.store import Hit
from tests.fakes import png

RED, BLUE, GREEN = png("red"), png("blue"), png("green")


@dataclass
class Extractor:
    """Takes checksums for features, and counts what it is given."""

    features: FeatureForm = FeatureForm("fake-1", 4)  # noqa: RUF009 (it is frozen)
    feature_cache: LruCache[str, bytes] = field(default_factory=lambda: LruCache(100))
    failure: EngineError | None = None
    asked: list[int] = field(default_factory=list)

    def extract(self, images: Sequence[Image], *, deadline: float | None = None) -> list[bytes]:
        self.asked.append(len(images))
        if self.failure is not None:
            raise self.failure
        return [zlib.crc32(image.tobytes()).to_bytes(4, "big") for image in images]


@pytest.fixture(params=["folder", "memory"])
def images(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ImageStore]:
    """The same store in a folder and on a file system of fsspec."""
    if request.param == "folder":
        yield ImageStore(tmp_path)
        return
    url = f"memory://{tmp_path}"
    yield ImageStore(url)
    remote, root = fsspec.core.url_to_fs(url)
    remote.rm(root, recursive=True)


def read(images: ImageStore, keys: Sequence[str], extractor: Extractor, *, stored: bool = True) -> list[SeenImage]:
    """What is seen of products with these images, by a service of its own, when all is written."""
    hits = [Hit(f"p{n}#0", Product(id=f"p{n}", title="", image_key=key), "", 0, 0.5) for n, key in enumerate(keys)]
    reader = CandidateImages(images)
    try:
        return reader.read(hits, FeatureUse(extractor, stored), math.inf, StageClock())
    finally:
        reader._readers.shutdown(wait=True)


def folders(images: ImageStore) -> dict[str, int]:
    names = [blob.name.partition("/")[0] for blob in images._blobs.list()]
    return {name: names.count(name) for name in sorted(names)}


def test_what_a_model_takes_is_not_time_of_loading(images: ImageStore) -> None:
    [hit], reader = (
        [Hit("p#0", Product(id="p", title="", image_key=images.put(RED)), "", 0, 0.5)],
        CandidateImages(images),
    )
    use = FeatureUse(Extractor())
    first, second = StageClock(), StageClock()
    for clock in (first, second):
        reader.read([hit], use, math.inf, clock)
    reader.close()
    assert first.ms.keys() == {"load", "extract"} and second.ms.keys() == {"load"}


def test_what_was_extracted_is_read_by_another_process_and_no_image_is(
    images: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [images.put(data) for data in (RED, BLUE)]
    first, second = Extractor(), Extractor()
    found = read(images, [*keys, keys[0], ""], first)
    assert first.asked == [2], "an image that two products have is looked at once"
    assert found[0] == found[2] and found[3] == SeenImage() and len({one.features for one in found}) == 3
    assert folders(images) == {"features-1-1024-fake-1": 2, "originals": 2}
    monkeypatch.setattr(ImageStore, "rendition", None)
    assert read(images, keys, second) == found[:2] and not any(second.asked)
    monkeypatch.setattr(images._blobs, "read", None)
    assert read(images, keys, second) == found[:2], "the second time they are in memory"


def test_damaged_features_and_those_of_another_form_are_extracted_again(images: ImageStore) -> None:
    key = images.put(RED)
    extractor = Extractor()
    expected = read(images, [key], extractor)
    name = images.features(extractor.features).name(key)
    whole = images._blobs.read(name)
    for damage in (b"", b"garbage", whole[:-1], b"x" + whole[1:]):
        images._blobs.put(name, damage)
        again = Extractor()
        assert read(images, [key], again) == expected and again.asked == [1]
        assert images._blobs.read(name) == whole
    images.features(FeatureForm("fake-1", 5)).keep(key, b"12345")
    for other in (Extractor(), Extractor(FeatureForm("fake-2", 4))):
        assert read(images, [key], other) == expected and other.asked == [1]


@pytest.mark.parametrize("failure", [EngineError("no"), EngineTimeout("late")])
def test_the_images_of_an_engine_that_fails_are_given_to_it_once_more(tmp_path: Path, failure: EngineError) -> None:
    images = ImageStore(tmp_path)
    known, new = images.put(RED), images.put(BLUE)
    read(images, [known], Extractor())
    first, second = read(images, [known, new], Extractor(failure=failure))
    assert first.features is not None and first.image is None
    assert second.features is None and second.image is not None


def test_a_lost_image_is_known_by_its_features_and_else_not_at_all(tmp_path: Path) -> None:
    images = ImageStore(tmp_path)
    keys = [images.put(data) for data in (RED, BLUE)]
    known = read(images, keys[:1], Extractor())
    for file in tmp_path.rglob("*.png"):
        file.unlink()
    assert read(images, [*keys, "../../etc/passwd"], Extractor()) == [*known, SeenImage(), SeenImage()]


def test_a_full_disk_costs_time_alone_and_is_not_asked_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, written = ImageStore(tmp_path), []
    keys = [images.put(data) for data in (RED, BLUE, GREEN)]

    def full(_: LocalBlobs, name: str, data: bytes, **__: object) -> None:
        written.append(name)
        raise StoreFull

    monkeypatch.setattr(LocalBlobs, "put", full)
    for _ in range(2):
        assert all(one.features for one in read(images, keys, Extractor()))
    assert len(written) == 1


def test_features_need_not_be_stored(tmp_path: Path) -> None:
    images, extractor = ImageStore(tmp_path), Extractor()
    key = images.put(RED)
    assert read(images, [key], extractor, stored=False) == read(images, [key], extractor, stored=False)
    assert sum(extractor.asked) == 1 and folders(images) == {"originals": 1}
