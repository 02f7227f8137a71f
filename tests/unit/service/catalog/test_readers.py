"""Feeds on disk."""

import json
from pathlib import Path

import pytest

from service.catalog.readers import MAX_LINE_BYTES, count_rows, feed_folder, read_feed
from service.catalog.rows import FeedRow, Reject
from service.errors import FeedError
from tests.unit.service.pictures import picture


def feed(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(path: Path) -> list[FeedRow]:
    return [row for row in read_feed(path) if isinstance(row, FeedRow)]


def rejects(path: Path) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in read_feed(path) if isinstance(row, Reject)]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_with_any_separator_and_a_byte_order_mark(tmp_path: Path, separator: str) -> None:
    lines = [
        ["id", "title", "colour", "image"],
        ["1", '"A ""big"" mug"', "red", "a.png"],
        [],
        ["2", '"two\nlines"', "", "b.png"],
    ]
    path = feed(tmp_path, "feed.csv", b"\xef\xbb\xbf" + "\r\n".join(separator.join(line) for line in lines).encode())
    first, second = rows(path)
    assert (first.line, first.title, first.attributes) == (2, 'A "big" mug', {"colour": "red"})
    assert (second.id, second.title, second.attributes) == ("2", "two\nlines", {})
    assert count_rows(path) == 2 and feed_folder(path) == tmp_path


def test_bad_csv_lines_are_rejected_and_reading_goes_on(tmp_path: Path) -> None:
    path = feed(
        tmp_path, "f.csv", b"id,image\n1,a.png\n2,b.png,extra\n3\n4,\xff.png\n5," + b"x" * 200_000 + b"\n6,c.png\n"
    )
    assert [row.id for row in rows(path)] == ["1", "6"]
    assert [line for line, _ in rejects(path)] == [3, 4, 5, 6]
    assert [reason.split()[2] for _, reason in rejects(path)] == ["has", "column", "is", "is"]


@pytest.mark.parametrize("header", ["", "id,title\n", "id,image,Image\n", "i\0d\n"])
def test_headers_that_cannot_work(tmp_path: Path, header: str) -> None:
    with pytest.raises(FeedError):
        read_feed(feed(tmp_path, "f.csv", header))


def test_jsonl(tmp_path: Path) -> None:
    lines = [
        json.dumps({"id": "1", "image": "a.png", "size": 3}).encode(),
        b"",
        b"{broken",
        b"[1]",
        b'{"id": "2", "price": NaN}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"image": "' + b"x" * (3 * MAX_LINE_BYTES) + b'"}',
        json.dumps({"id": "9", "image": "b.png"}).encode(),
    ]
    path = feed(tmp_path, "f.jsonl", b"\n".join(lines))
    assert [(row.line, row.id) for row in rows(path)] == [(1, "1"), (9, "9")]
    assert [line for line, _ in rejects(path)] == [3, 4, 5, 6, 7, 8]
    assert count_rows(path) == 8


def test_json_array(tmp_path: Path) -> None:
    path = feed(tmp_path, "f.json", json.dumps([{"id": "1", "image": "a.png"}, 3]))
    assert [row.id for row in rows(path)] == ["1"] and [line for line, _ in rejects(path)] == [2]
    assert count_rows(path) == 2


@pytest.mark.parametrize("content", ["{}", "[", "[NaN]", '"x"', b"\xff"])
def test_json_that_is_no_array(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(FeedError):
        read_feed(feed(tmp_path, "f.json", content))


def test_folder(tmp_path: Path) -> None:
    for name in ("mugs/red_leopard-mug.PNG", "b.webp", "notes.txt", ".hidden/c.png", "old.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture())
    found = rows(tmp_path)
    assert [row.id for row in found] == ["b.webp", "mugs:red_leopard-mug.PNG", "old.gif"]
    assert (found[1].title, found[1].category, found[1].image) == (
        "red leopard mug",
        "mugs",
        "mugs/red_leopard-mug.PNG",
    )
    assert count_rows(tmp_path) == 3 and feed_folder(tmp_path) == tmp_path


@pytest.mark.parametrize("name", ["missing.csv", "f.xlsx"])
def test_unknown_feeds(tmp_path: Path, name: str) -> None:
    feed(tmp_path, "f.xlsx", "")
    with pytest.raises(FeedError):
        read_feed(tmp_path / name)
