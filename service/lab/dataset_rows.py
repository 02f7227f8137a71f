"""Files of a data set → checked rows, each with the place it came from. Any fault names that place."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictStr, StringConstraints, ValidationError

from service.lab.lab_errors import DataSetError
from service.support.first_fault import first_fault

_GZIP = b"\x1f\x8b"
_Row = TypeVar("_Row", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Place:
    """The location of something: a line of a text file, or an entry of a JSON file."""

    file: Path
    line: int | None = None
    entry: str | None = None

    def error(self, problem: str) -> DataSetError:
        """The error that names this place; `problem` is a sentence without its full stop."""
        return DataSetError(problem, file=self.file, line=self.line, entry=self.entry)


def _id_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Id = Annotated[StrictStr, StringConstraints(min_length=1, max_length=1000), BeforeValidator(_id_text)]
"""An opaque id; whole numbers (COCO's) are taken as their decimal digits."""


class OfficialRow(BaseModel):
    """A row of a published file: what we need is validated, the rest is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class OwnRow(BaseModel):
    """A row of our own format: an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def require_folder(path: Path) -> Path:
    """The folder itself. Raises DataSetError if it is not there."""
    if not path.is_dir():
        raise DataSetError("there is no such folder", file=path)
    return path


def read_json(path: Path) -> Any:
    """A whole JSON file. Raises DataSetError."""
    with _opened(path) as file:
        data = b"".join(_lines(file, path))
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise DataSetError("the file is not UTF-8 text", file=path) from error
    except json.JSONDecodeError as error:
        raise DataSetError("the file is not valid JSON", file=path, line=error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise DataSetError("the file is not valid JSON", file=path) from error


def json_rows(path: Path, row: type[_Row]) -> Iterator[tuple[Place, _Row]]:
    """The objects of a file that is one JSON array; entries count from 1."""
    items = read_json(path)
    if not isinstance(items, list):
        raise DataSetError("the file must be one JSON array", file=path)
    return checked(((Place(path, entry=f"entry {number}"), item) for number, item in enumerate(items, 1)), row)


def jsonl_rows(path: Path, row: type[_Row]) -> Iterator[tuple[Place, _Row]]:
    """The objects of a file with one JSON object a line; blank lines are skipped."""
    return checked(_json_lines(path), row)


def checked(items: Iterable[tuple[Place, object]], row: type[_Row]) -> Iterator[tuple[Place, _Row]]:
    """Items as rows, one by one. Raises DataSetError with the first fault of the first wrong one."""
    for place, item in items:
        try:
            found = row.model_validate(item)
        except ValidationError as error:
            raise place.error(_first_fault(error)) from error
        yield place, found


def text_lines(path: Path) -> Iterator[tuple[Place, str]]:
    """The lines of a text file that are not blank, without their ends; one at a time is held in memory."""
    with _opened(path) as file:
        for number, data in enumerate(_lines(file, path), start=1):
            place = Place(path, number)
            try:
                line = data.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise place.error("the line is not UTF-8 text") from error
            if line.strip():
                yield place, line


def _lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    try:
        yield from file
    except (OSError, EOFError, zlib.error) as error:
        raise DataSetError("the file breaks off or is damaged", file=path) from error


def _json_lines(path: Path) -> Iterator[tuple[Place, object]]:
    for place, line in text_lines(path):
        try:
            yield place, json.loads(line, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise place.error("the line is not valid JSON") from error


def _opened(path: Path) -> BinaryIO:
    """The file as bytes, decompressed if it is compressed by gzip, whatever its name."""
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == _GZIP
        return cast(BinaryIO, gzip.open(path)) if compressed else path.open("rb")
    except FileNotFoundError as error:
        raise DataSetError("the file is missing", file=path) from error
    except OSError as error:
        raise DataSetError("the file cannot be opened", file=path) from error


def _first_fault(error: ValidationError) -> str:
    first = first_fault(error)
    field = ".".join(str(part)[:60] for part in first["loc"])
    return f"{field}: {first['msg']}" if field else first["msg"]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
