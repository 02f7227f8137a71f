"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_whole(path: Path, data: bytes, *, mode: int = 0o600, durable: bool = False) -> None:
    """Write next to `path`, in a folder that exists, and rename: a crash leaves no half file under a valid name.

    `mode`: who may read it. `durable`: on the disk itself before it gets its name. Raises OSError, and then changes
    nothing.
    """
    with whole_file(path, mode=mode, durable=durable) as file:
        file.write(data)


@contextmanager
def whole_file(path: Path, *, mode: int = 0o600, durable: bool = False) -> Iterator[BinaryIO]:
    """The same for what is written bit by bit: the file has its name when the block ends without an error."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
