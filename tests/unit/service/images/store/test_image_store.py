"""The image store."""

import io
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.errors import ImageDamaged, ImageNotFound, ImageStoreUnavailable, NotAnImage, StoreFull, StoreUnavailable
from service.images.store.blobs import LocalBlobs, unseal
from service.images.store.image_store import THUMBNAIL_SIDES, ImageStore
from tests.unit.service.images.sample_images import BLUE, RED, encoded, sample_image, two_tone


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(params=["path", "file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ImageStore]:
    """The same store in a folder, under a file URL, and on a file system of fsspec."""
    match request.param:
        case "path":
            yield ImageStore(tmp_path)
        case "file":
            yield ImageStore(f"file://{tmp_path}/with%20blank")
            assert not files(tmp_path) or (tmp_path / "with blank").exists()
        case _:
            url = f"memory://{tmp_path}"
            yield ImageStore(url)
            remote, root = fsspec.core.url_to_fs(url)
            if remote.exists(root):
                remote.rm(root, recursive=True)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_what_goes_in_comes_out(store: ImageStore, format: str) -> None:
    data = sample_image(format=format)
    key = store.put(data)
    assert store.put(data) == key == ImageStore.key(data)
    assert store.sweep(set(), older_than=math.inf, dry_run=True).files == 1
    assert store.read(key).data == data and store.read(key).media_type == f"image/{format.lower()}"
    assert store.open(key).image.size == (32, 24)


def test_what_is_no_image_stays_out(tmp_path: Path) -> None:
    with pytest.raises(NotAnImage):
        ImageStore(tmp_path).put(b"<script>")
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "key",
    [
        *("", ".", "..", "../../etc/passwd", "/etc/passwd", "a" * 64, "a" * 64 + ".gif", "A" * 64 + ".png"),
        *("a" * 63 + "/.png", "a" * 64 + ".png\n", "a" * 64 + ".png/..", "a" * 64 + ".png"),
    ],
)
def test_other_keys_find_nothing(tmp_path: Path, key: str) -> None:
    store = ImageStore(tmp_path)
    for ask in (store.read, store.open, lambda key: store.thumbnail(key, 128)):
        with pytest.raises(ImageNotFound):
            ask(key)


@given(st.text())
def test_no_key_leaves_the_folder(key: str) -> None:
    with pytest.raises(ImageNotFound):
        ImageStore(Path("/")).read(key)


def test_thumbnails_are_made_once(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    key = store.put(encoded(two_tone((600, 300))))
    thumbnail = store.thumbnail(key, 128)
    with Image.open(io.BytesIO(thumbnail.data)) as image:
        assert image.size == (128, 64) and image.format == "JPEG"
    monkeypatch.setattr(ImageStore, "open", None)
    assert store.thumbnail(key, 128) == thumbnail
    assert store.sweep(set(), older_than=math.inf, dry_run=True).files == 2


def test_thumbnails_come_in_few_sizes(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    key = store.put(sample_image())
    with pytest.raises(ValueError, match=str(THUMBNAIL_SIDES[0])):
        store.thumbnail(key, 129)


def _damages() -> dict[str, bytes]:
    data = sample_image()
    return {"cut off": data[:-20], "empty": b"", "garbage": b"x" * len(data), "another": sample_image(BLUE)}


@pytest.mark.parametrize("damage", _damages())
def test_a_damaged_file_is_never_served_and_is_written_anew(store: ImageStore, damage: str) -> None:
    key = store.put(sample_image())
    overwrite(store, key, _damages()[damage])
    for ask in (store.read, store.open, lambda key: store.thumbnail(key, 128)):
        with pytest.raises(ImageDamaged):
            ask(key)
    assert store.put(sample_image()) == key
    assert store.read(key).data == sample_image()


def overwrite(store: ImageStore, key: str, data: bytes) -> None:
    """Put other bytes into the file of an image, as a failing disk does."""
    name = f"originals/{key[:2]}/{key}"
    store._blobs.delete(name)
    store._blobs.put(name, data)


@pytest.mark.parametrize("damage", ["cut off", "empty"])
def test_an_image_that_is_known_is_written_anew_if_its_size_is_wrong(store: ImageStore, damage: str) -> None:
    key = store.put(sample_image())
    overwrite(store, key, _damages()[damage])
    store.put(sample_image(), known=True)
    assert store.read(key).data == sample_image()


def test_a_discarded_image_comes_back_with_the_next_put(store: ImageStore) -> None:
    """On a remote store nothing reads back what is known, so what reindex finds damaged is deleted."""
    key = store.put(sample_image())
    store.discard_damaged(key)
    assert store.read(key).data == sample_image()
    overwrite(store, key, _damages()["garbage"])
    store.discard_damaged(key)
    store.discard_damaged(key)
    with pytest.raises(ImageNotFound):
        store.read(key)
    store.put(sample_image(), known=True)
    assert store.read(key).data == sample_image()


def test_a_damaged_thumbnail_is_made_again(store: ImageStore) -> None:
    key = store.put(encoded(two_tone((600, 300))))
    thumbnail = store.thumbnail(key, 128)
    name = f"thumbnails-128/{key[:2]}/{key.partition('.')[0]}.jpeg"
    for damage in (b"", thumbnail.data[:50], thumbnail.data, b"x" * len(thumbnail.data)):
        store._blobs.put(name, damage)
        assert store.thumbnail(key, 128) == thumbnail
        assert unseal(store._blobs.read(name)) == thumbnail.data


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError("No space left on device: /secret")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ImageStoreUnavailable) as caught:
        ImageStore(tmp_path).put(sample_image())
    assert files(tmp_path) == [] and "secret" not in caught.value.detail


@pytest.mark.parametrize("error", [ImageStoreUnavailable, StoreFull])
def test_what_cannot_be_kept_is_served_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: type[StoreUnavailable]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    store = ImageStore(tmp_path)
    key = store.put(encoded(two_tone((3000, 300))))
    monkeypatch.setattr(LocalBlobs, "put", refuse)
    assert store.thumbnail(key, 320).media_type == "image/jpeg" and len(files(tmp_path)) == 1
    assert store.rendition(key).width < 3000
    assert "thumbnails-320 could not be stored" in caplog.text and "renditions-" in caplog.text


def test_a_file_that_cannot_be_read_is_not_a_lost_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`withthis reindex --drop-missing` must not drop products because a disk fails."""
    store = ImageStore(tmp_path)
    key = store.put(sample_image())

    def fail(self: Path) -> bytes:
        raise PermissionError

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(ImageStoreUnavailable):
        store.open(key)


def age(folder: Path, hours: float) -> None:
    """Make every file look as if it had been written so long ago."""
    then = time.time() - hours * 3600
    for path in files(folder):
        os.utime(path, (then, then))


def test_a_sweep_takes_what_is_old_and_unused_with_its_thumbnails(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    used, unused, fresh, again = (store.put(sample_image((shade, 0, 0))) for shade in range(4))
    for key in (used, unused):
        store.thumbnail(key, 128)
    (tmp_path / "originals" / used[:2] / ".new-left-by-a-crash").write_bytes(b"half")
    age(tmp_path, 48)
    store.put(sample_image((3, 0, 0)))  # about to get a row: putting it again makes it young
    (path,) = (path for path in files(tmp_path) if path.name == fresh)
    os.utime(path)
    yesterday = time.time() - 24 * 3600
    before = files(tmp_path)
    planned = store.sweep({used}, older_than=yesterday, dry_run=True)
    assert files(tmp_path) == before
    swept = store.sweep({used}, older_than=yesterday)
    assert swept == planned and (swept.images, swept.files) == (1, 3) and swept.bytes > 0
    assert {path.name for path in files(tmp_path)} == {used, used.replace(".png", ".jpeg"), fresh, again}


def test_a_sweep_looks_again_before_each_delete(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service puts an old image of a deleted product again while gc is between its listing and its deletes."""
    again, unused = store.put(sample_image(RED)), store.put(sample_image(BLUE))
    listed = list(store._blobs.list())
    start = max(blob.modified for blob in listed) + 0.005
    time.sleep(0.02)
    store.put(sample_image(RED))
    monkeypatch.setattr(store._blobs, "list", lambda: iter(listed))
    assert store.sweep(set(), older_than=start).images == 1
    assert store.read(again).data == sample_image(RED)
    with pytest.raises(ImageNotFound):
        store.read(unused)


def test_a_sweep_of_a_store_that_is_empty(store: ImageStore) -> None:
    store.ping()
    assert store.sweep(set(), older_than=math.inf).files == 0


def test_a_sweep_knows_used_unused_and_young_images_everywhere(store: ImageStore) -> None:
    used, unused = store.put(sample_image(RED)), store.put(sample_image(BLUE))
    store.thumbnail(unused, 128)
    assert store.sweep({used}, older_than=time.time() - 60).files == 0
    assert store.sweep({used}, older_than=time.time() + 60).files == 2
    assert store.read(used).data == sample_image(RED)
    with pytest.raises(ImageNotFound):
        store.thumbnail(unused, 128)


def test_a_sweep_leaves_what_is_not_ours(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    store.put(sample_image())
    for name in ("notes.txt", "originals/readme.md", "holiday/ab/photo.jpeg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"mine")
    assert store.sweep(set(), older_than=math.inf).files == 1
    assert sorted(path.name for path in files(tmp_path)) == ["notes.txt", "photo.jpeg", "readme.md"]
