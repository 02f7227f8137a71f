"""Files that appear whole or not at all."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from service.lab.errors import LabError


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write lines of UTF-8 text; folders are made. If `lines` raises, nothing changes. Raises LabError."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
        unfinished.replace(path)
    except OSError as error:
        raise LabError(f"{path} cannot be written. Check the folder's permissions and disk space.") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
