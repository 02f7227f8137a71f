"""A folder of pictures as a feed."""

from collections.abc import Iterator
from pathlib import Path

from service.catalog.rows import FeedRow, Reject, make_row

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic"})


def read(folder: Path) -> Iterator[FeedRow | Reject]:
    """Every picture below a folder is a product: title from the file's name, category from the first subfolder."""
    files = (path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    visible = (path.relative_to(folder) for path in files)
    names = sorted(path for path in visible if not any(part.startswith(".") for part in path.parts))
    for line, name in enumerate(names, start=1):
        fields = {
            "id": name.as_posix().replace("/", ":"),
            "title": name.stem.replace("_", " ").replace("-", " "),
            "category": name.parts[0] if len(name.parts) > 1 else None,
            "image": name.as_posix(),
        }
        yield make_row(line, fields, typed=True)
