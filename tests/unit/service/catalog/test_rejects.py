"""The file of rejected rows, where the disk takes none."""

from pathlib import Path

import pytest

from service.catalog.rejects import RejectFile
from service.catalog.rows import Reject
from service.errors import FeedError


@pytest.mark.parametrize("target", ["/dev/full", "/dev/null/nowhere"])
def test_a_file_that_takes_no_row_is_told_with_what_to_do(tmp_path: Path, target: str) -> None:
    if target == "/dev/full" and not Path(target).exists():
        pytest.skip("needs a disk that is always full")
    with (
        pytest.raises(FeedError, match=r"rejected rows cannot be written.*--rejects"),
        RejectFile(tmp_path / "rejects.jsonl") as rejects,
    ):
        (tmp_path / "rejects.jsonl").symlink_to(target)
        rejects.write(Reject(line=1, id="a", field="price", reason="no amount"))
