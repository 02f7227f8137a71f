"""Full disks for tests: a small one that is filled and emptied, and a limit that needs no privileges."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BLOCK = 2**20


class SmallDisk:
    """A file system of its own, in memory; what is written to it counts against `mib`.

    While it is full every write under `folder` fails as on any full disk: in part, then with ENOSPC.
    """

    def __init__(self, folder: Path) -> None:
        """`folder`: where it is mounted."""
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Take all free bytes but `leave`."""
        with self._ballast.open("ab", buffering=0) as file:
            while (free := self.free_bytes() - leave) > 0:
                try:
                    file.write(bytes(min(BLOCK, free)))
                except OSError:
                    return

    def empty(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """What is left."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[SmallDisk | None]:
    """Mount a disk of `mib` MiB at a folder, which is made; None if this process may not mount."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "withthis-test", str(folder)]
    mounted = sys.platform == "linux" and _quietly(mount)
    try:
        yield SmallDisk(folder) if mounted else None
    finally:
        if mounted:
            _quietly(["umount", "--lazy", str(folder)])


def _quietly(command: list[str]) -> bool:
    with suppress(FileNotFoundError):
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    return False


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """In the block no file of this process grows beyond `size` bytes: writes stop there, then fail with EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
