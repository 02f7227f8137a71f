"""Columns under other names, and several images in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.catalog.readers import parse_columns, read_feed
from service.catalog.rows import FeedRow, Reject
from service.errors import FeedError


def feed(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_csv_columns_are_renamed_and_the_name_that_was_taken_is_left_out(tmp_path: Path) -> None:
    path = feed(tmp_path, "f.csv", "SKU,Name,title,picture,kind\n1,A mug,ignored,a.png,x\n")
    columns = parse_columns(["id=SKU", "title=Name", "image = picture", "type=kind"])
    [row] = read_feed(path, columns)
    assert isinstance(row, FeedRow)
    product = row.product
    assert (product.id, product.title, row.image, product.attributes) == ("1", "A mug", "a.png", {"type": "x"})


def test_one_column_may_serve_twice(tmp_path: Path) -> None:
    path = feed(tmp_path, "f.jsonl", json.dumps({"name": "mug", "image": "a.png"}))
    [row] = read_feed(path, parse_columns(["id=name", "title=name"]))
    assert isinstance(row, FeedRow)
    assert (row.product.id, row.product.title, row.product.attributes) == ("mug", "mug", {})


@pytest.mark.parametrize("options", [["title"], ["=name"], ["title="], ["title=a", "title=b"]])
def test_options_that_make_no_sense(options: list[str]) -> None:
    with pytest.raises(FeedError, match="--column title=name"):
        parse_columns(options)


def test_a_renamed_column_must_exist_where_the_feed_names_its_columns(tmp_path: Path) -> None:
    path = feed(tmp_path, "f.csv", "id,image\n1,a.png\n")
    with pytest.raises(FeedError, match="'name'"):
        read_feed(path, parse_columns(["title=name"]))
    with pytest.raises(FeedError, match="called image"):
        read_feed(path, parse_columns(["colour=image"]))


def test_a_list_of_images_is_several_rows_of_one_product(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "image": ["1.png", "2.png"]},
        {"image": ["x/3.png", "4.png"]},
        {"id": "c", "image": []},
        {"id": "d", "image": ["5.png", 7]},
        {"id": "e", "image": ["6.png"] * 101},
    ]
    path = feed(tmp_path, "f.jsonl", "\n".join(map(json.dumps, lines)))
    found = list(read_feed(path))
    good = [(row.line, row.product.id, row.image) for row in found if isinstance(row, FeedRow)]
    assert good == [
        (1, "a", "1.png"),
        (1, "a", "2.png"),
        (2, "x:3.png", "x/3.png"),
        (2, "x:3.png", "4.png"),
        (3, "c", None),
        (4, "d", "5.png"),
    ]
    assert [(row.line, row.id) for row in found if isinstance(row, Reject)] == [(4, "d"), (5, "e")]


def test_an_image_written_out_needs_an_id_and_may_be_long(tmp_path: Path) -> None:
    uri = "data:image/png;base64," + "A" * 5000
    path = feed(tmp_path, "f.json", json.dumps([{"id": "1", "image": uri}, {"image": uri}]))
    first, second = read_feed(path)
    assert isinstance(first, FeedRow) and first.image == uri
    assert isinstance(second, Reject) and "id" in second.reason
