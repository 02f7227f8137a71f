"""Parquet files and Hugging Face datasets on disk, read with pyarrow alone, a few rows at a time.

``save_to_disk`` leaves folders with ``state.json``, which names files of Arrow's stream format; a ``DatasetDict`` is a
folder of such folders, read one after the other. Pictures there are structs of ``bytes`` and ``path``. Columns of bytes
or structs that are no pictures are left out. A feed without ids numbers its rows: ``row-1``, ``row-2``, …
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.catalog.readers.columns import Columns
from service.catalog.rows import FeedRow, Reject, make_rows
from service.errors import FeedError

_ROWS_AT_ONCE = 32
_DAMAGED = "The feed is damaged, or no Parquet or Arrow file. Write it again."
_ERRORS = (pa.ArrowException, OSError, ValueError, KeyError, TypeError)


def read_parquet(path: Path, columns: Columns) -> Iterator[FeedRow | Reject]:
    """The rows of a Parquet file; one row group at a time is in memory."""
    try:
        schema = pq.read_schema(path)
    except _ERRORS as error:
        raise FeedError(_DAMAGED) from error
    _check(schema, columns)
    return _rows(_parquet_batches(path), columns)


def read_dataset(folder: Path, columns: Columns) -> Iterator[FeedRow | Reject]:
    """The rows of a dataset or of all splits of a dataset dictionary."""
    files = _stream_files(folder)
    for file in files:
        _check(_schema(file), columns)
    return _rows((batch for file in files for batch in _stream_batches(file)), columns)


def count(path: Path) -> int:
    """The number of rows, without reading them."""
    try:
        if path.is_file():
            return int(pq.read_metadata(path).num_rows)
        return sum(batch.num_rows for file in _stream_files(path) for batch in _stream_batches(file))
    except _ERRORS as error:
        raise FeedError(_DAMAGED) from error


def _parquet_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield from file.iter_batches(batch_size=_ROWS_AT_ONCE, row_groups=[group])


def _stream_files(folder: Path) -> list[Path]:
    """The Arrow files of a dataset, in order. They lie in the folder itself, whatever the state says."""
    try:
        if (folder / "dataset_dict.json").is_file():
            splits = json.loads((folder / "dataset_dict.json").read_text(encoding="utf-8"))["splits"]
            return [file for split in splits for file in _stream_files(folder / Path(split).name)]
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return [folder / Path(entry["filename"]).name for entry in state["_data_files"]]
    except _ERRORS as error:
        raise FeedError("The dataset's folder is not complete. Save it again with save_to_disk.") from error


def _schema(file: Path) -> pa.Schema:
    try:
        with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as reader:
            return reader.schema
    except _ERRORS as error:
        raise FeedError(_DAMAGED) from error


def _stream_batches(file: Path) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as reader:
        for batch in reader:
            for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
                yield batch.slice(start, _ROWS_AT_ONCE)


def _check(schema: pa.Schema, columns: Columns) -> None:
    columns.check(schema.names)
    if "image" not in {name.strip().lower() for name in columns.rename(dict.fromkeys(schema.names))}:
        raise FeedError("One column of the feed must be called image; --column image=NAME says which one it is.")


def _rows(batches: Iterator[pa.RecordBatch], columns: Columns) -> Iterator[FeedRow | Reject]:
    line = 0
    try:
        for batch in batches:
            labels = _label_names(batch.schema)
            for row in batch.to_pylist():
                line += 1
                named = {name: _label(value, labels.get(name)) for name, value in row.items()}
                yield from make_rows(line, _fields(columns.rename(named), line), typed=True)
    except _ERRORS as error:
        raise FeedError(f"The feed is damaged after row {line}. Write it again.") from error


def _fields(row: Mapping[str, Any], line: int) -> dict[str, Any]:
    """Values as JSON has them; the picture stays as it is."""
    pictures = {name: value for name, value in row.items() if name.strip().lower() == "image"}
    others = {name: _plain(value) for name, value in row.items() if name not in pictures and _is_field(value)}
    named = any(name.strip().lower() == "id" for name in row) or any(isinstance(p, str) for p in pictures.values())
    return {**others, **pictures} if named else {"id": f"row-{line}", **others, **pictures}


def _is_field(value: Any) -> bool:
    return not isinstance(value, bytes | dict) and not (
        isinstance(value, list) and any(isinstance(item, bytes | dict | list | tuple) for item in value)
    )


def _plain(value: Any) -> Any:
    """Dates and decimals as JSON writes them; not-a-number, which pandas uses for "missing", as none."""
    if isinstance(value, list):
        return [plain for item in value if (plain := _plain(item)) is not None]
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.isoformat() if isinstance(value, date | time) else value


def _label_names(schema: pa.Schema) -> Mapping[str, Sequence[str]]:
    """Names of the classes of label columns, which Hugging Face keeps in the schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: kind["names"] for name, kind in features.items() if kind.get("_type") == "ClassLabel"}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _label(value: Any, names: Sequence[str] | None) -> Any:
    """A label's name; -1 is what datasets write for "none"."""
    if names is None or not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None
