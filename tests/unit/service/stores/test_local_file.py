"""Whether a local store is in use."""

import fcntl
from pathlib import Path

import pytest

from service.stores.local_file import is_held, is_local


@pytest.mark.parametrize(
    ("uri", "local"),
    [
        ("a/milvus.db", True),
        ("milvus.db", True),
        ("http://host:19530", False),
        ("https://x.zillizcloud.com/a.db", False),
    ],
)
def test_local_uris(uri: str, local: bool) -> None:
    assert is_local(uri) is local


def test_held_while_locked(tmp_path: Path) -> None:
    uri = str(tmp_path)
    assert not is_held(uri)
    with (tmp_path / "LOCK").open("w") as lock:
        assert not is_held(uri)
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert is_held(uri)
    assert not is_held(uri)
