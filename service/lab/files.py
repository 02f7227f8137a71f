"""Text files of the lab, written whole or not at all."""

from collections.abc import Iterable
from pathlib import Path

from service.lab.lab_errors import LabError
from service.support.whole_file import whole_file


def write_text(path: Path, lines: Iterable[str], *, durable: bool = False) -> None:
    """Write lines of UTF-8 text; folders are made. If `lines` raises, nothing changes. Raises LabError.

    `durable` as for `whole_file`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, mode=None, durable=durable) as file:
            file.writelines(f"{line}\n".encode() for line in lines)
    except OSError as error:
        raise LabError(f"{path} cannot be written. Check the folder's permissions and disk space.") from error
