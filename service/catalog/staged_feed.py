"""Feeds from elsewhere as files here: from a URL, from standard input, and packed with gzip.

A feed is read twice, so it is stored in a temporary folder first. What it is called there says what it is.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import httpx

from service.errors import FeedError

MAX_BYTES = 20 * 2**30
SUFFIXES = frozenset(
    {".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json", ".xml", ".rss", ".atom", ".parquet"}
)
_GZIP = b"\x1f\x8b"
_STARTS = {b"<": ".xml", b"{": ".jsonl", b"[": ".json", b"PAR1": ".parquet"}
_CHUNK = 2**20
_TIMEOUT = httpx.Timeout(60, connect=10)
_MAX_REDIRECTS = 5
_NO_ROOM = "The feed does not fit into the temporary folder. Free some space, or set TMPDIR."
_NO_ANSWER = "The feed cannot be fetched: the server does not answer. Check the URL, and try again."


@dataclass(frozen=True, slots=True)
class StagedFeed:
    """`path` is the file or folder to read, `folder` what its image paths are relative to, `name` what to call it."""

    path: Path
    folder: Path
    name: str


@contextmanager
def staged(feed: str, max_bytes: int = MAX_BYTES) -> Iterator[StagedFeed]:
    """A feed by its path, its URL, or `-` for standard input. Packed or fetched, it has at most `max_bytes` unpacked.

    Raises:
        FeedError: it cannot be had, is too large, or is damaged.
    """
    path = Path(feed)
    is_url = feed.lower().startswith(("http://", "https://"))
    if feed != "-" and not is_url and not _is_packed(path):
        yield StagedFeed(path, path if path.is_dir() else path.parent, path.name)
        return
    name = "stdin" if feed == "-" else unquote(urlsplit(feed).path).rpartition("/")[2] if is_url else path.name
    with tempfile.TemporaryDirectory(prefix="withthis-feed-") as folder:
        try:
            found = _stored(Path(folder), feed if is_url or feed == "-" else path, name, max_bytes)
        except OSError as error:
            raise FeedError(_NO_ROOM) from error
        images = Path.cwd() if feed == "-" else found.parent if is_url else path.parent
        yield StagedFeed(found, images, name or "feed")


def _is_packed(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return file.read(2) == _GZIP
    return False


def _stored(folder: Path, feed: str | Path, name: str, max_bytes: int) -> Path:
    """The feed as a file of this folder, unpacked."""
    file = folder / "packed"
    if isinstance(feed, Path):
        file = feed
    else:
        with file.open("wb") as target:
            _write(target, _read(sys.stdin.buffer) if feed == "-" else _fetch(feed), max_bytes)
    if _is_packed(file):
        with (folder / "unpacked").open("wb") as target:
            _write(target, _unpacked(file), max_bytes)
        file = folder / "unpacked"
    return file.rename(folder / f"feed{_suffix(name, file)}")


def _read(file: BinaryIO) -> Iterator[bytes]:
    while data := file.read(_CHUNK):
        yield data


def _fetch(url: str) -> Iterator[bytes]:
    """The body of an answer, with redirects to the same host, or by HTTPS."""
    try:
        with httpx.Client(timeout=_TIMEOUT, headers={"Accept-Encoding": "gzip"}) as client:
            for _ in range(_MAX_REDIRECTS + 1):
                with client.stream("GET", url) as answer:
                    if answer.next_request is None:
                        yield from _body(answer)
                        return
                    url = _next(answer)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FeedError(_NO_ANSWER) from error
    raise FeedError("The feed cannot be fetched: its URL is redirected too often.")


def _body(answer: httpx.Response) -> Iterator[bytes]:
    if answer.status_code != httpx.codes.OK:
        raise FeedError(f"The feed cannot be fetched: the server answers with status {answer.status_code}.")
    yield from answer.iter_bytes(_CHUNK)


def _next(answer: httpx.Response) -> str:
    here, there = answer.request.url, answer.next_request.url if answer.next_request else answer.request.url
    if there.scheme != "https" and (there.scheme, there.host) != (here.scheme, here.host):
        raise FeedError("The feed cannot be fetched: its URL is redirected to another host without HTTPS.")
    return str(there)


def _write(target: BinaryIO, chunks: Iterable[bytes], max_bytes: int) -> None:
    """Store chunks. Raises FeedError if there are too many."""
    size = 0
    for data in chunks:
        size += len(data)
        if size > max_bytes:
            raise FeedError(f"The feed is larger than {max_bytes} bytes. WITHTHIS_FEED_FILE_BYTES is the limit.")
        target.write(data)


def _unpacked(file: Path) -> Iterator[bytes]:
    try:
        with gzip.open(file) as packed:
            while data := packed.read(_CHUNK):
                yield data
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FeedError("The packed feed is damaged, or ends too early. Pack it again.") from error


def _suffix(name: str, file: Path) -> str:
    """That of the feed's own name; by the first characters, where it says nothing."""
    named = Path(name.lower().removesuffix(".gz")).suffix
    if named in SUFFIXES:
        return named
    with file.open("rb") as content:
        start = content.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((suffix for mark, suffix in _STARTS.items() if start.startswith(mark)), ".csv")
