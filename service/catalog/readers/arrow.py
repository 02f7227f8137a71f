"""Parquet files and Hugging Face datasets on disk, read with pyarrow alone, a few rows at a time.

`save_to_disk` leaves folders with `state.json`, which names files of Arrow's stream format; a `DatasetDict` is a
folder of such folders, read one at a time. Images there are structs of `bytes` and `path`. A feed without
ids numbers its rows: `row-1`, `row-2`, …
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.catalog.readers.arrow_values import is_plain, plain_value
from service.catalog.readers.columns import Columns
from service.catalog.readers.reader import RawLine
from service.catalog.rows import Reject
from service.errors import FeedError

_ROWS_AT_ONCE = 32
_DAMAGED = "The feed is damaged, or not a Parquet or Arrow file. Write it again."
_ERRORS = (pa.ArrowException, OSError, ValueError, KeyError, TypeError)


class _ArrowReader(ABC):
    """Record batches of one or several schemas."""

    textual, numbered, declares = False, True, True

    def __init__(self, path: Path, columns: Columns) -> None:
        """`columns` tell which ones hold images and attributes. Raises FeedError for a file that is damaged."""
        self._path = path
        try:
            self._schemas = self._read_schemas()
        except _ERRORS as error:
            raise FeedError(_DAMAGED) from error
        names = self.names()
        columns = columns.of_feed(names)
        self._image, self._attributes = columns.source("image", names), columns.source("attributes", names)

    def names(self) -> list[str]:
        """The columns of the first file, and those that others have in addition."""
        first, *others = self._schemas
        more = {name: None for schema in others for name in schema.names if name not in first.names}
        return [*first.names, *more]

    def notes(self) -> list[str]:
        """Columns of bytes or objects that no attribute can hold."""
        fields = [(schema.field(name).type, name) for schema in self._schemas for name in schema.names]
        left_out = list({name.strip(): None for kind, name in fields if not self._is_read(name, kind)})
        named = ", ".join(repr(name) for name in left_out)
        return [f"Columns of bytes or objects are left out: {named}."] if left_out else []

    def lines(self) -> Iterator[RawLine | Reject]:
        """The rows; a few at a time are in memory."""
        line = 0
        try:
            for batch in self._batches():
                labels = _label_names(batch.schema)
                kinds = {field.name: field.type for field in batch.schema if self._is_read(field.name, field.type)}
                for row in batch.select(list(kinds)).to_pylist():
                    line += 1
                    yield RawLine(line, {name: self._value(name, row[name], kinds[name], labels) for name in row})
        except _ERRORS as error:
            raise FeedError(f"The feed is damaged after row {line}. Write it again.") from error

    @abstractmethod
    def _read_schemas(self) -> list[pa.Schema]: ...

    @abstractmethod
    def _batches(self) -> Iterator[pa.RecordBatch]: ...

    def _is_read(self, name: str, kind: pa.DataType) -> bool:
        return name.strip() in (self._image, self._attributes) or is_plain(kind)

    def _value(self, name: str, value: Any, kind: pa.DataType, labels: Mapping[str, Sequence[str]]) -> Any:
        if name.strip() == self._image:
            return value
        return _label(value, labels[name]) if name in labels else plain_value(value, kind)


class ParquetReader(_ArrowReader):
    """A Parquet file; one row group at a time is in memory."""

    def _read_schemas(self) -> list[pa.Schema]:
        return [pq.read_schema(self._path)]

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self._path) as file:
            for group in range(file.num_row_groups):
                yield from file.iter_batches(batch_size=_ROWS_AT_ONCE, row_groups=[group])


class DatasetReader(_ArrowReader):
    """A dataset, or all splits of a dataset dictionary."""

    def _read_schemas(self) -> list[pa.Schema]:
        return [_stream_schema(file) for file in _stream_files(self._path)]

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for file in _stream_files(self._path):
            yield from _stream_batches(file)


def _stream_files(folder: Path) -> list[Path]:
    """The Arrow files of a dataset, in order. They are in the folder itself, whatever the state says."""
    try:
        if (folder / "dataset_dict.json").is_file():
            splits = json.loads((folder / "dataset_dict.json").read_text(encoding="utf-8"))["splits"]
            return [file for split in splits for file in _stream_files(folder / Path(split).name)]
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return [folder / Path(entry["filename"]).name for entry in state["_data_files"]]
    except _ERRORS as error:
        raise FeedError("The dataset's folder is incomplete. Save it again with save_to_disk.") from error


def _stream_schema(file: Path) -> pa.Schema:
    with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as reader:
        return reader.schema


def _stream_batches(file: Path) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as reader:
        for batch in reader:
            for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
                yield batch.slice(start, _ROWS_AT_ONCE)


def _label_names(schema: pa.Schema) -> Mapping[str, Sequence[str]]:
    """Names of the classes of label columns, which Hugging Face keeps in the schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: kind["names"] for name, kind in features.items() if kind.get("_type") == "ClassLabel"}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _label(value: Any, names: Sequence[str]) -> Any:
    """A label's name; -1 is what datasets write for "none"."""
    if not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None
