"""The picture store."""

import io
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.catalog.images import THUMBNAIL_SIDES, ImageStore
from service.errors import CorruptImage, ImageNotFound, NotAnImage, StoreUnavailable
from tests.unit.service.pictures import encoded, picture, two_tone


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_what_goes_in_comes_out(tmp_path: Path, format: str) -> None:
    store = ImageStore(tmp_path)
    data = picture(format=format)
    key = store.put(data)
    assert store.put(data) == key == ImageStore.key(data) and len(files(tmp_path)) == 1
    assert store.read(key).data == data and store.read(key).media_type == f"image/{format.lower()}"
    assert store.open(key).image.size == (32, 24)


def test_what_is_no_picture_stays_out(tmp_path: Path) -> None:
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


def test_thumbnails_are_made_once(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    key = store.put(encoded(two_tone((600, 300))))
    thumbnail = store.thumbnail(key, 128)
    with Image.open(io.BytesIO(thumbnail.data)) as image:
        assert image.size == (128, 64) and image.format == "JPEG"
    count = len(files(tmp_path))
    assert store.thumbnail(key, 128) == thumbnail and len(files(tmp_path)) == count == 2


def test_thumbnails_come_in_few_sizes(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    key = store.put(picture())
    with pytest.raises(ValueError, match=str(THUMBNAIL_SIDES[0])):
        store.thumbnail(key, 129)


def test_a_file_damaged_later_is_reported(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    key = store.put(encoded(two_tone((200, 100))))
    files(tmp_path)[0].write_bytes(encoded(two_tone((200, 100)))[:80])
    with pytest.raises(CorruptImage):
        store.open(key)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError("No space left on device: /secret")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreUnavailable) as caught:
        ImageStore(tmp_path).put(picture())
    assert files(tmp_path) == [] and "secret" not in caught.value.detail


def age(folder: Path, hours: float) -> None:
    """Make every file look as if it had been written so long ago."""
    then = time.time() - hours * 3600
    for path in files(folder):
        os.utime(path, (then, then))


def test_a_sweep_takes_what_is_old_and_unused_with_its_thumbnails(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    used, unused, fresh, again = (store.put(picture((shade, 0, 0))) for shade in range(4))
    for key in (used, unused):
        store.thumbnail(key, 128)
    (tmp_path / "originals" / used[:2] / ".new-left-by-a-crash").write_bytes(b"half")
    age(tmp_path, 48)
    store.put(picture((3, 0, 0)))  # about to get a row: putting it again makes it young
    (path,) = (path for path in files(tmp_path) if path.name == fresh)
    os.utime(path)
    yesterday = time.time() - 24 * 3600
    before = files(tmp_path)
    planned = store.sweep({used}, older_than=yesterday, dry_run=True)
    assert files(tmp_path) == before
    swept = store.sweep({used}, older_than=yesterday)
    assert swept == planned and (swept.pictures, swept.files) == (1, 3) and swept.bytes > 0
    assert {path.name for path in files(tmp_path)} == {used, used.replace(".png", ".jpeg"), fresh, again}


def test_a_sweep_of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert ImageStore(tmp_path / "none").sweep(set(), older_than=time.time()).files == 0
