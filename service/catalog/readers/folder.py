"""A folder of images as a feed."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from service.catalog.readers.reader import RawLine
from service.catalog.rows import Reject

IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp"),
        *(".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif", ".heic", ".heif", ".jxl"),
    }
)
_SHOWN_SUFFIXES = 8


class FolderReader:
    """Every image below a folder is a product: title from the file's name, category from the first subfolder."""

    textual, numbered, declares = False, False, False

    def __init__(self, folder: Path) -> None:
        """Hidden files and folders are left out."""
        self._folder = folder

    def names(self) -> list[str]:
        """The row of a file."""
        return ["title", "category", "image"]

    def notes(self) -> list[str]:
        """The number of files that are not images by their names."""
        skipped = Counter(name.suffix.lower() or "without" for name in self._files() if not _is_image(name))
        if not skipped:
            return []
        most = sorted(skipped.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN_SUFFIXES]
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in most)
        return [f"Files without an image suffix are left out: {skipped.total()} ({kinds})."]

    def lines(self) -> Iterator[RawLine | Reject]:
        """The images in the order of their names."""
        names = sorted(name for name in self._files() if _is_image(name))
        for line, name in enumerate(names, start=1):
            title = name.stem.replace("_", " ").replace("-", " ")
            category = name.parts[0] if len(name.parts) > 1 else None
            yield RawLine(line, {"title": title, "category": category, "image": name.as_posix()})

    def _files(self) -> Iterator[Path]:
        for path in self._folder.rglob("*"):
            name = path.relative_to(self._folder)
            if not any(part.startswith(".") for part in name.parts) and path.is_file():
                yield name


def _is_image(name: Path) -> bool:
    return name.suffix.lower() in IMAGE_SUFFIXES
