"""Files under a URL: what goes wrong far away, and what is asked of a place that is down."""

import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.errors import ConfigurationError, ImageStoreUnavailable
from service.images.store.blobs import LocalBlobs, open_blobs
from service.images.store.blobs.remote import RemoteBlobs, _seconds

NAME = "originals/ab/file"


@pytest.fixture
def remote(tmp_path: Path) -> RemoteBlobs:
    """A place of its own in memory."""
    return RemoteBlobs(f"memory://{tmp_path}", timeout_s=1)


def break_(remote: RemoteBlobs, monkeypatch: pytest.MonkeyPatch, error: Exception) -> list[str]:
    """Let every reading fail; the paths that were requested."""
    asked: list[str] = []

    def fail(path: str, **_: Any) -> bytes:
        asked.append(path)
        raise error

    monkeypatch.setattr(remote._fs, "cat_file", fail)
    return asked


def test_a_place_that_is_down_is_left_alone_for_a_while(remote: RemoteBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = break_(remote, monkeypatch, ConnectionError("no route to 10.0.0.7"))
    for _ in range(3):
        with pytest.raises(ImageStoreUnavailable) as caught:
            remote.read(NAME)
        assert "10.0.0.7" not in caught.value.detail
    with pytest.raises(ImageStoreUnavailable):
        remote.put(NAME, b"x")
    assert len(asked) == 1
    remote._rest_until = 0.0
    with pytest.raises(ImageStoreUnavailable):
        remote.read(NAME)
    assert len(asked) == 2
    remote.ping()  # whoever asks how it is wants to know it now


@pytest.mark.parametrize("error", [FileNotFoundError(), PermissionError()])
def test_one_file_that_cannot_be_read_closes_nothing(
    remote: RemoteBlobs, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    asked = break_(remote, monkeypatch, error)
    for _ in range(2):
        with pytest.raises((FileNotFoundError, ImageStoreUnavailable)):
            remote.read(NAME)
    assert len(asked) == 2


def test_only_what_has_a_row_is_not_sent_again(remote: RemoteBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    write = remote._fs.pipe_file

    def pipe(path: str, data: bytes) -> None:
        sent.append(path)
        write(path, data)

    monkeypatch.setattr(remote._fs, "pipe_file", pipe)
    for refresh in (False, False, True):
        remote.put(NAME, b"x", refresh=refresh)
    assert len(sent) == 2


def test_where_files_grow_they_are_moved_into_place(remote: RemoteBlobs) -> None:
    remote._whole = False
    remote.put(NAME, b"one")
    assert [blob.name for blob in remote.list()] == [NAME] and remote.read(NAME) == b"one"


def test_workers_connect_by_themselves(remote: RemoteBlobs) -> None:
    remote.put(NAME, b"x")
    assert pickle.loads(pickle.dumps(remote)).read(NAME) == b"x"


def test_deleting_what_is_gone(remote: RemoteBlobs) -> None:
    remote.put(NAME, b"x")
    assert [remote.delete(name) for name in ("originals/ab/other", NAME, NAME)] == [False, True, False]
    assert list(remote.list()) == []


def test_a_url_that_leads_nowhere_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match="WITHTHIS_IMAGES_URL"):
        open_blobs("nonsense://bucket", timeout_s=1)
    assert isinstance(open_blobs("s3:/images", timeout_s=1), LocalBlobs)  # a path like any other


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("service.images.store.blobs.remote.url_to_fs", missing)
    with pytest.raises(ConfigurationError, match=r"withthis\[s3\]"):
        open_blobs("s3://bucket/images", timeout_s=1)


def test_times_of_all_file_systems_are_understood() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for given in (moment, moment.replace(tzinfo=None), "2026-01-01T00:00:00Z", moment.timestamp()):
        assert _seconds(given) == moment.timestamp()
