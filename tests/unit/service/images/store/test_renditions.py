"""Renditions: originals are decoded once, and what is read again and again is small."""

import io
import math
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from PIL import Image, ImageChops, ImageStat

from rerank.engines.features import FeatureForm
from service.errors import ImageNotFound, ImageStoreUnavailable
from service.images.decode import DecodedImage, ImageLimits, decode_image
from service.images.store import derivatives
from service.images.store import image_store as module
from service.images.store.blobs import LocalBlobs
from service.images.store.image_store import ImageStore
from tests.unit.service.images.sample_images import encoded, sample_image, two_tone

LIMITS = ImageLimits(working_side=100)
LARGE = encoded(two_tone((400, 200)))


class Decoded:
    """Counts how often an original was decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        monkeypatch.setattr(module, "decode_image", self._decode)

    def _decode(self, data: bytes, limits: ImageLimits) -> DecodedImage:
        self.times += 1
        return decode_image(data, limits)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Decoded:
    return Decoded(monkeypatch)


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ImageStore]:
    """The same store in a folder and on a file system of fsspec."""
    if request.param == "folder":
        yield ImageStore(tmp_path, LIMITS)
        return
    url = f"memory://{tmp_path}"
    yield ImageStore(url, LIMITS)
    remote, root = fsspec.core.url_to_fs(url)
    remote.rm(root, recursive=True)


def names(store: ImageStore) -> list[str]:
    return sorted(blob.name.partition("/")[0] for blob in store._blobs.list())


def test_a_rendition_is_kept_with_its_original_and_the_original_is_not_decoded_again(
    store: ImageStore, decoded: Decoded
) -> None:
    original = decode_image(LARGE, LIMITS)
    key = store.put(LARGE, decoded=original)
    assert names(store) == ["originals", f"renditions-{derivatives.RECIPE}-100"]
    for _ in range(3):
        shown = store.rendition(key)
        store.thumbnail(key, 128)
    assert decoded.times == 0
    assert (shown.image.size, shown.image.mode, shown.content_hash) == ((100, 50), "RGB", original.content_hash)
    assert max(ImageStat.Stat(ImageChops.difference(shown.image, original.image)).mean) < 2


def test_a_catalog_of_before_gets_its_renditions_when_they_are_first_wanted(
    store: ImageStore, decoded: Decoded
) -> None:
    key = store.put(LARGE)
    assert names(store) == ["originals"]
    first, second = store.rendition(key), store.rendition(key)
    assert decoded.times == 1
    assert first.image.tobytes() == second.image.tobytes()  # also the first time it is the rendition that is shown
    assert ImageStore.open(store, key).image.tobytes() != first.image.tobytes()


def test_an_original_that_is_small_already_is_shown_as_it_is(store: ImageStore, decoded: Decoded) -> None:
    data = sample_image(size=(100, 40))
    key = store.put(data, decoded=decode_image(data, LIMITS))
    asked: list[str] = []
    read = store._blobs.read

    def counting(name: str) -> bytes:
        asked.append(name)
        return read(name)

    store._blobs.read = counting  # type: ignore[method-assign]
    for _ in range(2):
        assert store.rendition(key).image.tobytes() == decode_image(data, LIMITS).image.tobytes()
    assert names(store) == ["originals"]
    assert [name.partition("/")[0] for name in asked] == ["renditions-1-100", "originals", "originals"]


def test_a_damaged_rendition_is_made_again(store: ImageStore) -> None:
    key = store.put(LARGE)
    whole = store.rendition(key).image.tobytes()
    name = next(blob.name for blob in store._blobs.list() if blob.name.startswith("renditions"))
    for damage in (b"", b"garbage", store._blobs.read(name)[:-40]):
        store._blobs.put(name, damage)
        assert store.rendition(key).image.tobytes() == whole


def test_alpha_and_metadata_are_gone(tmp_path: Path) -> None:
    store = ImageStore(tmp_path, LIMITS)
    key = store.put(encoded(Image.new("RGBA", (400, 200), (0, 0, 0, 0)), exif=b"Exif\0\0secret"))
    assert store.rendition(key).image.getpixel((50, 25)) == (255, 255, 255)
    assert store.rendition(key).image.info == {}
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.glob("renditions-*/*/*"))


def test_an_unknown_key_has_none(store: ImageStore) -> None:
    store.put(LARGE)
    for key in ("../../etc/passwd", "0" * 64 + ".png"):
        with pytest.raises(ImageNotFound):
            store.rendition(key)


def test_a_store_that_can_only_be_read_still_shows_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ImageStore(tmp_path, LIMITS)
    key = store.put(LARGE)

    def refuse(*_: object, **__: object) -> None:
        raise ImageStoreUnavailable

    monkeypatch.setattr(LocalBlobs, "put", refuse)
    assert store.rendition(key).image.size == (100, 50)
    assert store.thumbnail(key, 128).media_type == "image/jpeg"


def test_a_sweep_takes_derivatives_with_their_originals_and_those_of_another_recipe_size_or_form(
    store: ImageStore,
) -> None:
    used, unused = store.put(LARGE), store.put(encoded(two_tone((300, 300))))
    form, old_form = FeatureForm("ours-2", 4), FeatureForm("ours-1", 4)
    for key in (used, unused):
        store.rendition(key)
        store.thumbnail(key, 128)
        for one in (form, old_form):
            store.features(one).keep(key, b"1234")
    kept = next(blob.name for blob in store._blobs.list() if used[:64] in blob.name and "renditions" in blob.name)
    outdated = [kept.replace("renditions-1-100", other) for other in ("renditions-0-100", "renditions-1-512")]
    for name in outdated:
        store._blobs.put(name, b"old")
    assert store.sweep({used}, older_than=math.inf, form=form).files == 8
    assert names(store) == ["features-1-100-ours-2", "originals", "renditions-1-100", "thumbnails-128"]
    assert store.sweep({used}, older_than=math.inf).files == 1, "no engine ranks by them now"


def test_many_who_want_one_new_image_at_the_same_time_wait_for_one_maker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, begun, end = ImageStore(tmp_path, LIMITS), threading.Event(), threading.Event()
    key, times = store.put(LARGE), []

    def slowly(data: bytes, limits: ImageLimits) -> DecodedImage:
        times.append(1)
        begun.set()
        end.wait(5)
        return decode_image(data, limits)

    monkeypatch.setattr(module, "decode_image", slowly)
    with ThreadPoolExecutor(24) as threads:
        thumbnails = [threads.submit(store.thumbnail, key, 128) for _ in range(12)]
        thumbnails += [threads.submit(store.thumbnail, key, 256) for _ in range(12)]
        begun.wait(5)
        end.set()
        sizes = {Image.open(io.BytesIO(done.result().data)).size for done in thumbnails}
    assert len(times) == 1 and sizes == {(100, 50)}


def test_a_store_can_be_sent_to_a_worker_process(tmp_path: Path) -> None:
    store = ImageStore(tmp_path, LIMITS)
    key = store.put(LARGE)
    small = store.put(sample_image())
    store.rendition(small)
    assert pickle.loads(pickle.dumps(store)).rendition(key).image.size == (100, 50)
