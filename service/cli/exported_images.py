"""The images of an export: copied into a folder beside it, which further exports fill up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from service.catalog.row_images import EXPORTED_IMAGES
from service.support.whole_file import write_whole

ReadImage = Callable[[str], bytes | None]
"""The bytes of an image by its key; None if it is lost."""

_SIDE_BY_SIDE = 8
"""An image store behind a network answers after a while, and many at once as soon."""


@dataclass(slots=True)
class ImageFolder:
    """The folder beside the file in `folder`; counts images that were copied, were there already, or are lost.

    A name is the hash of the content, so a file that is there is the image.
    """

    folder: Path
    read: ReadImage
    copied: int = 0
    present: int = 0
    lost: int = 0
    _readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_SIDE_BY_SIDE))

    def copy(self, keys: Sequence[str]) -> None:
        """Copy images. Raises OSError, and what reading raises."""
        for outcome in self._readers.map(self._copy, dict.fromkeys(keys)):
            setattr(self, outcome, getattr(self, outcome) + 1)

    def close(self) -> None:
        """End the threads."""
        self._readers.shutdown()

    def _copy(self, key: str) -> Literal["copied", "present", "lost"]:
        path = self.folder / EXPORTED_IMAGES / key[:2] / key
        if path.exists():
            return "present"
        data = self.read(key)
        if data is None:
            return "lost"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
        return "copied"
