"""The images of a data set: located below one folder, and checked before any long work."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from service.errors import InvalidImage
from service.lab.dataset_image import ImageRef, check_header
from service.lab.dataset_rows import Place

_NAMED = 20
_THREADS = 8  # reading headers waits for the disk, not the CPU


class ImageFolder:
    """Image names → files below a folder. Raises DataSetError for names that lead out of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[Path, Place] = {}

    def ref(self, name: str, place: Place) -> ImageRef:
        """The image of a name; `place` is the location of the name."""
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
            raise place.error(f"{name[:200]!r} is not the path of an image inside the data set")
        path = self._folder.joinpath(*parts)
        self._seen.setdefault(path, place)
        return ImageRef(path)

    def check(self) -> None:
        """Look at the header of every image that was named. Raises DataSetError that names those that are unusable, at
        the place of the first.
        """
        with ThreadPoolExecutor(_THREADS) as pool:
            faults = dict(zip(self._seen, pool.map(_fault, self._seen, chunksize=64), strict=True))
        unusable = [(path, fault) for path, fault in faults.items() if fault]
        if unusable:
            path, fault = unusable[0]
            raise self._seen[path].error(f"the image {path} cannot be used: {fault.rstrip('.')}{_more(unusable[1:])}")


def _more(unusable: Sequence[tuple[Path, str]]) -> str:
    """The further ones by name."""
    if not unusable:
        return ""
    names = ", ".join(path.name for path, _ in unusable[:_NAMED])
    return f" (and {len(unusable):,} more images cannot be used: {names}{', …' if unusable[_NAMED:] else ''})"


def _fault(path: Path) -> str | None:
    if not path.is_file():
        return "the file is missing"
    try:
        check_header(path)
    except InvalidImage as error:
        return error.detail
    return None
