"""Product feeds: a folder of pictures, a CSV, TSV, JSON, JSONL or Parquet file, or a Hugging Face dataset on disk.

Files have a column ``image``. Columns ``id, title, category, price, image`` are known, all others become attributes.
In JSON, Parquet and datasets ``image`` may be a list: several pictures of one product. A bad line becomes a
:class:`Reject` and reading goes on; only a feed that cannot be read at all raises :class:`FeedError`.
"""

from collections.abc import Iterator
from pathlib import Path

from service.catalog.readers import folder, json_lines, separated
from service.catalog.readers.columns import Columns
from service.catalog.rows import FeedRow, Reject
from service.errors import FeedError

_PLAIN = Columns()


def read_feed(path: Path, columns: Columns = _PLAIN) -> Iterator[FeedRow | Reject]:
    """The rows of a feed, one at a time, in the feed's order. Raises :class:`FeedError` before the first row."""
    if path.is_dir():
        return _read_dataset(path, columns) if _is_dataset(path) else folder.read(path)
    if not path.is_file():
        raise FeedError("The feed does not exist. Give a folder, or a CSV, TSV, JSON, JSONL or Parquet file.")
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return separated.read(path, columns)
        case ".jsonl" | ".ndjson":
            return json_lines.read(path, columns)
        case ".json":
            return json_lines.read_array(path, columns)
        case ".parquet":
            return _read_parquet(path, columns)
    raise FeedError


def feed_folder(path: Path) -> Path:
    """The folder that a feed's picture paths are relative to, and may not leave."""
    return path if path.is_dir() else path.parent


def count_rows(path: Path) -> int:
    """How many lines ``read_feed`` will go through (a close guess for a damaged file); for progress bars."""
    suffix = path.suffix.lower() if path.is_file() else ""
    if suffix in {".jsonl", ".ndjson"}:
        return json_lines.count(path)
    if suffix in {".csv", ".tsv"}:
        return separated.count(path)
    if suffix == ".parquet" or (path.is_dir() and _is_dataset(path)):
        return _arrow_rows(path)
    return sum(1 for _ in read_feed(path))


def _is_dataset(path: Path) -> bool:
    """True for what ``save_to_disk`` of Hugging Face datasets leaves."""
    return (path / "dataset_dict.json").is_file() or (
        (path / "state.json").is_file() and (path / "dataset_info.json").is_file()
    )


def _read_parquet(path: Path, columns: Columns) -> Iterator[FeedRow | Reject]:
    from service.catalog.readers import arrow  # noqa: PLC0415 (pyarrow takes a while to load; few feeds need it)

    return arrow.read_parquet(path, columns)


def _read_dataset(path: Path, columns: Columns) -> Iterator[FeedRow | Reject]:
    from service.catalog.readers import arrow  # noqa: PLC0415 (as above)

    return arrow.read_dataset(path, columns)


def _arrow_rows(path: Path) -> int:
    from service.catalog.readers import arrow  # noqa: PLC0415 (as above)

    return arrow.count(path)
