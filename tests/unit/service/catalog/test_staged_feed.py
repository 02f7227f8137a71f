"""Feeds from standard input, from URLs, and packed."""

from __future__ import annotations

import gzip
import io
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from service.catalog.staged_feed import staged
from service.errors import FeedError

TEXT = b"id,image\n1,a.png\n"
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/shop%20feed.csv": (200, {}, TEXT),
    "/feed": (200, {"Content-Type": "application/octet-stream"}, gzip.compress(b"<rss></rss>")),
    "/encoded.tsv": (200, {"Content-Encoding": "gzip"}, gzip.compress(TEXT)),
    "/moved": (302, {"Location": "/shop%20feed.csv"}, b""),
    "/elsewhere": (302, {"Location": "http://localhost/feed.csv"}, b""),
    "/circle": (301, {"Location": "/circle"}, b""),
    "/gone": (404, {}, TEXT),
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, headers, body = ANSWERS[self.path]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with feeds."""
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def content(feed: str, max_bytes: int = 1000) -> tuple[str, bytes]:
    """What is read: the file's suffix, and what is in it."""
    with staged(feed, max_bytes) as found:
        return found.path.suffix, found.path.read_bytes()


def test_a_file_is_read_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_bytes(TEXT)
    with staged(str(tmp_path / "feed.csv"), 1) as found:
        assert (found.path, found.folder, found.name) == (tmp_path / "feed.csv", tmp_path, "feed.csv")
    with staged(str(tmp_path)) as folder:
        assert folder.path == folder.folder == tmp_path


def test_a_packed_file_is_unpacked_and_its_images_are_beside_it(tmp_path: Path) -> None:
    packed = tmp_path / "feed.tsv.gz"
    packed.write_bytes(gzip.compress(TEXT[:5]) + gzip.compress(TEXT[5:]))  # members one after the other
    with staged(str(packed)) as found:
        assert (found.path.suffix, found.path.read_bytes(), found.folder) == (".tsv", TEXT, tmp_path)
    assert not found.path.exists()


def test_standard_input_says_by_its_start_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    starts = {
        b"\xef\xbb\xbf <?xml?>": ".xml",
        b'{"id": 1}': ".jsonl",
        b"[]": ".json",
        b"PAR1": ".parquet",
        TEXT: ".csv",
    }
    for start, suffix in starts.items():
        for data in (start, gzip.compress(start)):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
            assert content("-") == (suffix, start)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT)))
    with staged("-") as found:
        assert (found.folder, found.name) == (tmp_path, "stdin")


def test_urls(url: str) -> None:
    for path, expected in (
        ("/shop%20feed.csv", (".csv", TEXT)),
        ("/feed", (".xml", b"<rss></rss>")),
        ("/encoded.tsv", (".tsv", TEXT)),
        ("/moved", (".csv", TEXT)),
    ):
        assert content(url + path) == expected
    with staged(f"{url}/shop%20feed.csv") as found:
        assert found.name == "shop feed.csv"


@pytest.mark.parametrize(
    ("path", "words"),
    [("/elsewhere", "another host"), ("/circle", "too often"), ("/gone", "status 404"), ("/feed?", "")],
)
def test_urls_that_are_refused(url: str, path: str, words: str) -> None:
    if words:
        with pytest.raises(FeedError, match=words):
            content(url + path)
    with pytest.raises(FeedError, match="larger than 5 bytes"):
        content(f"{url}/encoded.tsv", 5)
    with pytest.raises(FeedError, match="does not answer"):
        content("http://127.0.0.1:1/feed.csv")


def test_packed_feeds_that_are_damaged_or_too_large(tmp_path: Path) -> None:
    path, whole = tmp_path / "feed.csv.gz", gzip.compress(TEXT * 100)
    for data, words in ((whole[:-12], "damaged"), (whole[:20] + b"xxxx" + whole[24:], "damaged"), (whole, "larger")):
        path.write_bytes(data)
        with pytest.raises(FeedError, match=words):
            content(str(path))
