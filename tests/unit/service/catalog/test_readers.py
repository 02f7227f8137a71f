"""Feeds on disk."""

import json
from pathlib import Path

import pytest

from service.catalog.readers import (
    MAX_LINE_BYTES,
    Columns,
    feed_folder,
    open_feed,
    parse_columns,
    read_feed,
)
from service.catalog.rows import FeedRow, Reject
from service.errors import FeedError
from tests.unit.service.images.sample_images import sample_image


def feed(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(path: Path) -> list[FeedRow]:
    return [row for row in read_feed(path) if isinstance(row, FeedRow)]


def rejects(path: Path) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in read_feed(path) if isinstance(row, Reject)]


@pytest.mark.parametrize("first", ["sep=;", "SEP=,", '"sep=;"', "sep=|", "sep=\t", "sep=;;;"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_first_line_that_tells_excel_the_delimiter_is_not_the_header(tmp_path: Path, first: str, mark: bytes) -> None:
    lines = [
        ["id", "title", "image"],
        ["1", '"Cup, large; red"', "a.png"],
        ["2", "a", "b", "c.png"],
        ["3", '"two\nlines"', "d.png"],
    ]
    delimiter = first.strip('"')[4]
    text = "\r\n".join([first, *(delimiter.join(line) for line in lines)])
    path = feed(tmp_path, "feed.csv", mark + text.encode())
    assert [(row.line, row.product.title) for row in rows(path)] == [(3, "Cup, large; red"), (5, "two\nlines")]
    assert [line for line, _ in rejects(path)] == [4]


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
    assert (first.line, first.product.title, first.product.attributes) == (2, 'A "big" mug', {"colour": "red"})
    assert (second.product.id, second.product.title, second.product.attributes) == ("2", "two\nlines", {})
    assert feed_folder(path) == tmp_path


def test_bad_csv_lines_are_rejected_and_reading_goes_on(tmp_path: Path) -> None:
    path = feed(
        tmp_path, "f.csv", b"id,image\n1,a.png\n2,b.png,extra\n3\n4,\xff.png\n5," + b"x" * 200_000 + b"\n6,c.png\n"
    )
    assert [(row.product.id, row.image) for row in rows(path)] == [("1", "a.png"), ("3", None), ("6", "c.png")]
    assert [line for line, _ in rejects(path)] == [3, 5, 6]
    assert [reason.split()[2] for _, reason in rejects(path)] == ["has", "is", "column"]


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
    assert [(row.line, row.product.id) for row in rows(path)] == [(1, "1"), (9, "9")]
    assert [line for line, _ in rejects(path)] == [3, 4, 5, 6, 7, 8]


def test_json_array(tmp_path: Path) -> None:
    path = feed(tmp_path, "f.json", json.dumps([{"id": "1", "image": "a.png"}, 3]))
    assert [row.product.id for row in rows(path)] == ["1"] and [line for line, _ in rejects(path)] == [2]


@pytest.mark.parametrize("content", ["{}", "[", "[NaN]", '"x"', b"\xff"])
def test_json_that_is_no_array(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(FeedError):
        read_feed(feed(tmp_path, "f.json", content))


def test_folder(tmp_path: Path) -> None:
    for name in ("mugs/red_leopard-mug.PNG", "b.webp", "notes.txt", ".hidden/c.png", "old.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(sample_image())
    found = rows(tmp_path)
    assert [row.product.id for row in found] == ["b.webp", "mugs:red_leopard-mug.PNG", "old.gif"]
    assert (found[1].product.title, found[1].product.category, found[1].image) == (
        "red leopard mug",
        "mugs",
        "mugs/red_leopard-mug.PNG",
    )
    assert feed_folder(tmp_path) == tmp_path


@pytest.mark.parametrize("name", ["missing.csv", "f.xlsx"])
def test_unknown_feeds(tmp_path: Path, name: str) -> None:
    feed(tmp_path, "f.xlsx", "")
    with pytest.raises(FeedError):
        read_feed(tmp_path / name)


def notes(path: Path, columns: Columns | None = None) -> list[str]:
    opened = open_feed(path, columns or Columns())
    with opened.survey() as survey:
        return opened.notes(survey)


def test_a_stray_quote_costs_its_own_line_alone(tmp_path: Path) -> None:
    lines = [f"{number},Monitor {number},{number}.jpg" for number in range(1, 21)]
    lines[3], lines[13] = '4,"Monitor 24 inch,d.jpg', '14,"Monitor 27 inch,n.jpg'
    for name, separator in (("f.csv", ","), ("f.tsv", "\t")):
        text = "\n".join(["id,title,image", *lines]).replace(",", separator)
        path = feed(tmp_path, name, text)
        assert [row.product.id for row in rows(path)] == [str(n) for n in range(1, 21) if n not in (4, 14)]
        assert [line for line, reason in rejects(path) if "quote" in reason] == [5, 15]


@pytest.mark.parametrize(
    "text",
    [
        "id,title,image,,\n1,Tasse,a.jpg,,\n",
        "id;title;image\n1;Tasse;a.jpg;\n",
        'id;title;"Maße (L, B, H)";image\n1;Tasse;"1, 2, 3";a.jpg\n',
        "\ufeffid\ttitle\timage\r\n1\tTasse\ta.jpg\r\n",
    ],
)
def test_what_excel_writes(tmp_path: Path, text: str) -> None:
    [row] = rows(feed(tmp_path, "f.csv", text))
    assert (row.product.id, row.product.title, row.image) == ("1", "Tasse", "a.jpg")


def test_a_value_in_a_column_without_a_name_is_not_lost_in_silence(tmp_path: Path) -> None:
    assert rejects(feed(tmp_path, "f.csv", "id,image,,\n1,a.jpg,,x\n"))[0][1].startswith("the line has more fields")
    assert "number 1" in notes(feed(tmp_path, "f.csv", ",id,image\n0,1,a.jpg\n"))[1]


def test_another_encoding_is_named_as_what_it_is(tmp_path: Path) -> None:
    for encoding in ("cp1252", "utf-16"):
        with pytest.raises(FeedError, match="not UTF-8"):
            read_feed(feed(tmp_path, "f.csv", "id,größe,image\n1,3,a.jpg\n".encode(encoding)))


def test_images_written_out_in_a_line_may_be_long(tmp_path: Path) -> None:
    uri = "data:image/png;base64," + "A" * 200_000
    [row] = rows(feed(tmp_path, "f.csv", f'id,image\n1,"{uri}"\n'))
    assert row.image == uri


def test_jsonl_with_a_byte_order_mark(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"id": str(number), "image": "a.png"}) for number in range(2))
    assert [row.product.id for row in rows(feed(tmp_path, "f.ndjson", "\ufeff" + lines))] == ["0", "1"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f.csv", "id,title,Title,image\n1,a,b,c.png\n"),
        ("f.csv", "id,a[b],a(b),image\n1,a,b,c.png\n"),
        ("f.csv", "id,x,x,image\n1,a,b,c.png\n"),
    ],
)
def test_doubled_columns_are_an_error(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(FeedError, match="Two columns"):
        read_feed(feed(tmp_path, name, text))


@pytest.mark.parametrize(
    "fields", ['"title": "a", "Title": "b"', '"title": "a", "title": "b"', '"x": {"a": 1, "a": 2}']
)
def test_doubled_fields_of_a_line_are_a_reject(tmp_path: Path, fields: str) -> None:
    path = feed(tmp_path, "f.jsonl", f'{{"id": "1", "image": "a.png", {fields}}}\n{{"id": "2", "image": "b.png"}}\n')
    assert [row.product.id for row in rows(path)] == ["2"]
    assert rejects(path)[0][1].startswith(("two fields", "an attribute"))


def test_files_of_a_folder_that_are_left_out_are_counted(tmp_path: Path) -> None:
    for name in ("a.jfif", "b.jpe", "c.PJPEG", "d.txt", "e.svg", "f.svg", "g", ".hidden"):
        (tmp_path / name).write_bytes(sample_image())
    assert [row.product.id for row in rows(tmp_path)] == ["a.jfif", "b.jpe", "c.PJPEG"]
    [_, left_out] = notes(tmp_path)
    assert left_out == "Files without an image suffix are left out: 4 (2 .svg, 1 .txt, 1 without)."


def test_a_well_known_column_is_the_id_where_there_is_no_other_and_it_is_said(tmp_path: Path) -> None:
    text = "SKU,Handle,image,product_id\nA-1,mug,a.png,7\n"
    path = feed(tmp_path, "f.csv", text)
    assert rows(path)[0].product.id == "A-1" and notes(path)[0] == "Ids are taken from the column 'SKU'."
    assert notes(path, parse_columns(["id=Handle"]))[0] == "Ids are taken from the column 'Handle'."
    assert notes(path, parse_columns([], without=["SKU"]))[0] == "Ids are taken from the column 'product_id'."
    assert notes(feed(tmp_path, "g.csv", "image,ID\na.png,1\n"))[0] == "Ids are taken from the column 'ID'."
    assert "made from the images' paths" in notes(feed(tmp_path, "h.csv", "image\na.png\n"))[0]
    lines = feed(tmp_path, "f.jsonl", '{"image": "a.png"}\n{"image": "b.png", "sku": 7}\n')
    assert [row.product.id for row in rows(lines)] == ["a.png", "7"]


def test_columns_are_left_out_and_get_types(tmp_path: Path) -> None:
    path = feed(tmp_path, "f.csv", "id,image,in_stock,size,price_was,text\n1,a.png,true,L|M,1.10,x\n")
    [row] = read_feed(path, parse_columns([], without=["text"], types=["price_was=number"]))
    assert isinstance(row, FeedRow)
    assert row.product.attributes == {"in_stock": True, "size": ["L", "M"], "price_was": 1.1}
    assert notes(path)[1] == "Columns that are not text: 'in_stock' (boolean), 'size' (list). --type changes that."
    for columns, words in (
        (parse_columns(without=["nope"]), "--without"),
        (parse_columns(types=["nope=text"]), "--type"),
    ):
        with pytest.raises(FeedError, match=words):
            read_feed(path, columns)
    with pytest.raises(FeedError, match="--type name=kind"):
        parse_columns([], types=["size=colour"])


def test_attributes_of_several_types_are_said(tmp_path: Path) -> None:
    path = feed(tmp_path, "f.jsonl", '{"image": "a.png", "size": 38}\n{"image": "b.png", "size": "L"}\n')
    assert "'size' is number here and text there" in notes(path)[1]
    [first, second] = read_feed(path, parse_columns([], types=["size=text"]))
    assert isinstance(first, FeedRow) and isinstance(second, FeedRow)
    assert (first.product.attributes, second.product.attributes) == ({"size": "38"}, {"size": "L"})
