"""Several lines of one product: whichever brings a field, all its images have it."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.catalog.ingest import ingest
from service.catalog.product_lines import ProductLines
from service.catalog.readers import parse_columns, read_feed
from service.catalog.rows import FeedRow, Reject, parse_line
from service.errors import FeedError
from service.images.store.image_store import ImageStore
from tests.fakes import FakeEncoder, MemoryStore
from tests.unit.service.images.sample_images import sample_image

SHOPIFY = """Handle,Title,Type,Variant Price,Image Src
leopard-case,Leopard case,phone case,17.90,a.jpg
rose-mug,Rose mug,mug,9.50,c.jpg
leopard-case,,,,b.jpg
"""
OURS = ("title=Title", "category=Type", "price=Variant Price", "image=Image Src")


def feed(tmp_path: Path, text: str, name: str = "f.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def rows(path: Path, *columns: str) -> list[FeedRow]:
    return [row for row in read_feed(path, parse_columns(columns)) if isinstance(row, FeedRow)]


def rejects(path: Path, *columns: str) -> list[Reject]:
    return [row for row in read_feed(path, parse_columns(columns)) if isinstance(row, Reject)]


def test_every_image_has_the_fields_of_its_product(tmp_path: Path) -> None:
    """The lines of a product need not follow one another, nor need the first one bring the fields."""
    lines = SHOPIFY.splitlines()
    for order in ([0, 1, 2, 3], [0, 3, 2, 1]):
        path = feed(tmp_path, "\n".join(lines[place] for place in order))
        found = rows(path, *OURS)
        assert sorted(str(row.image) for row in found) == ["a.jpg", "b.jpg", "c.jpg"] and not rejects(path, *OURS)
        case = [row for row in found if row.product.id == "leopard-case"]
        assert {(row.product.title, row.product.category, row.product.price) for row in case} == {
            ("Leopard case", "phone case", 17.9)
        }


def test_in_every_form_of_feeds(tmp_path: Path) -> None:
    lines = [
        {"id": "1", "image": "a.jpg", "title": "A mug", "attributes": {"size": 3}},
        {"id": "1", "image": ["b", "c"]},
    ]
    array = feed(tmp_path, json.dumps(lines), "f.json")
    each = feed(tmp_path, "\n".join(map(json.dumps, lines)), "f.jsonl")
    pq.write_table(
        pa.table({"id": [1, 1], "image": ["a.jpg", "b"], "title": ["A mug", None], "size": [3, None]}),
        tmp_path / "f.parquet",
    )
    for path, count in ((array, 3), (each, 3), (tmp_path / "f.parquet", 2)):
        assert [(row.product.title, row.product.attributes) for row in rows(path)] == [("A mug", {"size": 3})] * count


@pytest.mark.parametrize(
    ("second", "name"),
    [("Red shorts,20,red", "title"), ("Blue shoes,90,red", "price"), ("Blue shoes,20,blue", "color")],
)
def test_a_line_that_contradicts_an_earlier_one_is_rejected_and_takes_nothing_along(
    tmp_path: Path, second: str, name: str
) -> None:
    path = feed(tmp_path, f"id,title,price,color,note,image\nC1,Blue shoes,20,red,,a.jpg\nC1,{second},x,b.jpg\n")
    [row] = rows(path)
    assert (row.product.title, row.product.price, row.product.attributes, row.image) == (
        "Blue shoes",
        20,
        {"color": "red"},
        "a.jpg",
    )
    [reject] = rejects(path)
    assert (reject.line, reject.id) == (3, "C1")
    assert reject.reason.startswith(f"line 2 gives this id another {name}: ")
    assert "leave the column out" in reject.reason


def test_equal_numbers_are_no_contradiction_and_true_is_not_one(tmp_path: Path) -> None:
    path = feed(tmp_path, "id,price,image\n1,17.90,a.jpg\n1,17.9,b.jpg\n")
    assert len(rows(path)) == 2
    lines = [{"id": "1", "image": "a", "new": True}, {"id": "1", "image": "b", "new": 1}]
    assert len(rejects(feed(tmp_path, "\n".join(map(json.dumps, lines)), "f.jsonl"))) == 1


def test_a_line_without_image_brings_fields_alone(tmp_path: Path) -> None:
    path = feed(tmp_path, "id,title,price,image\n1,A mug,5,\n1,,,a.jpg\n2,Lost,3,\n")
    found = [(row.line, row.product.title, row.product.price, row.image) for row in rows(path)]
    assert found == [(3, "A mug", 5, "a.jpg"), (4, "Lost", 3, None)] and not rejects(path)


def test_fields_of_a_line_that_is_no_good_are_nobodys(tmp_path: Path) -> None:
    path = feed(tmp_path, "id,title,price,image\n1,A mug,free,a.jpg\n1,Another,5,b.jpg\n")
    assert [(row.product.title, row.product.price) for row in rows(path)] == [("Another", 5)]


def test_too_many_attributes_together(tmp_path: Path) -> None:
    lines = [{"id": "1", "image": f"{half}.jpg", **{f"{half}{n}": n for n in range(200)}} for half in "ab"]
    found = rejects(feed(tmp_path, "\n".join(map(json.dumps, lines)), "f.jsonl"))
    assert [reject.reason for reject in found] == ["a product has at most 256 attributes"] * 2


def test_products_come_back_from_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def line(number: int, **fields: object) -> FeedRow:
        found = parse_line(number, {"id": f"p{number % 50}", "image": "a", **fields}, id_of_image=True)
        assert isinstance(found, FeedRow)
        return found

    lines = ProductLines()
    for number in range(200):
        lines.add(line(number, **{f"a{number // 50}": [number]}))
    joined = lines.get("p7")
    assert joined.fields()["attributes"] == {"a0": [7], "a1": [57], "a2": [107], "a3": [157]} and joined.images == 4
    assert lines.get("nobody").fields() == {"attributes": {}}
    lines.close()
    with pytest.raises(FeedError, match="TMPDIR"):
        lines.get("p8")


def test_rows_of_one_product_that_were_stored_apart_become_one_with_the_next_run(tmp_path: Path) -> None:
    """Catalogs that were indexed before have a title on one row alone: its other rows are refreshed, not encoded."""
    for name, shade in (("a.jpg", 10), ("b.jpg", 20)):
        (tmp_path / name).write_bytes(sample_image((shade, shade, shade), format="JPEG"))
    store, encoder, images = MemoryStore(), FakeEncoder(), ImageStore(tmp_path / "images")
    path = feed(tmp_path, "id,title,image\n1,,a.jpg\n1,,b.jpg\n")
    assert ingest(path, encoder, store, images).indexed == 2
    feed(tmp_path, "id,title,image\n1,A mug,a.jpg\n1,,b.jpg\n")
    report = ingest(path, encoder, store, images)
    assert (report.refreshed, len(encoder.seen)) == (2, 2)
    assert {row.product.title for row in store.get("1")} == {"A mug"}


def test_lines_of_products_that_alternate_are_all_stored_and_stay_unchanged(tmp_path: Path) -> None:
    for shade in range(24):
        (tmp_path / f"{shade}.png").write_bytes(sample_image((shade, shade, shade)))
    lines = [f"p{n % 3},{f'Mug {n % 3}' if n // 3 == n % 3 else ''},{n}.png" for n in range(24)]
    path = feed(tmp_path, "\n".join(["id,title,image", *lines]))
    store, encoder, images = MemoryStore(), FakeEncoder(), ImageStore(tmp_path / "images")
    assert ingest(path, encoder, store, images, batch=4).indexed == 24
    for id in range(3):
        rows = store.get(f"p{id}")
        assert [row.id for row in rows] == [f"p{id}#{place}" for place in range(8)]
        assert {row.product.title for row in rows} == {f"Mug {id}"}
    assert ingest(path, encoder, store, images, batch=4).unchanged == 24
