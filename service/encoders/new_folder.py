"""A folder that appears with all its files, or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import ConfigurationError


@contextmanager
def new_folder(target: Path | str) -> Iterator[Path]:
    """A draft to write into; it becomes `target` when the block ends well, and is deleted when it raises.

    Raises `ConfigurationError` if `target` exists.
    """
    folder = Path(target).expanduser()
    if folder.exists():
        raise ConfigurationError(f"{folder} already exists. Choose a new folder, or remove this one first.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        draft = Path(scratch) / "draft"
        draft.mkdir()
        yield draft
        draft.rename(folder)
