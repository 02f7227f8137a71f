"""A file appears whole or not at all, for whom it is meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.support.whole_file import PRIVATE, READABLE, whole_file, write_whole


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize(("mode", "expected"), [(PRIVATE, 0o600), (READABLE, 0o644), (None, 0o640)])
def test_a_file_is_written_with_its_mode(tmp_path: Path, mode: int | None, expected: int, durable: bool) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "a", b"whole", mode=mode, durable=durable)
    finally:
        os.umask(before)
    assert (tmp_path / "a").read_bytes() == b"whole" and (tmp_path / "a").stat().st_mode & 0o777 == expected
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_fails_half_way_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"before")
    with pytest.raises(ValueError, match="half"), whole_file(tmp_path / "a") as file:
        file.write(b"ha")
        raise ValueError("half")
    assert (tmp_path / "a").read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1
