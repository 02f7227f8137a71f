"""Parquet files and datasets saved to disk."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.catalog.readers import feed_folder, open_feed, parse_columns, read_feed
from service.catalog.rows import FeedRow, Reject
from service.errors import FeedError
from tests.unit.service.images.sample_images import sample_image

PNG = sample_image()
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def rows(path: Path, *columns: str) -> list[FeedRow]:
    found = list(read_feed(path, parse_columns(columns)))
    assert not [row for row in found if isinstance(row, Reject)]
    return [row for row in found if isinstance(row, FeedRow)]


def save_to_disk(folder: Path, shards: list[pa.Table], features: dict[str, Any] | None = None) -> Path:
    """What `Dataset.save_to_disk` of Hugging Face datasets writes."""
    folder.mkdir(parents=True)
    names = [f"data-{number:05}-of-{len(shards):05}.arrow" for number in range(len(shards))]
    for name, shard in zip(names, shards, strict=True):
        info = json.dumps({"info": {"features": features or {}}})
        table = shard.replace_schema_metadata({"huggingface": info})
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=40)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features or {}}))
    return folder


def test_parquet_with_row_groups_dates_and_missing_values(tmp_path: Path) -> None:
    table = pa.table(
        {
            "sku": [f"s{n}" for n in range(100)],
            "name": ["A mug"] * 100,
            "image": [f"{n}.png" for n in range(100)],
            "price": pa.array([Decimal("9.50")] * 100),
            "weight": pa.array([float("nan"), *([0.5] * 99)]),
            "since": pa.array([datetime.date(2024, 5, 1)] * 100),
            "tags": pa.array([["a", None]] * 100),
            "colour": pa.array(["red"] * 100).dictionary_encode(),
            "raw": pa.array([b"x"] * 100),
            "nested": pa.array([{"a": 1}] * 100),
        }
    )
    path = tmp_path / "feed.parquet"
    pq.write_table(table, path, row_group_size=40)
    found = rows(path, "id=sku", "title=name")
    assert [(row.line, row.product.id) for row in found] == [(n + 1, f"s{n}") for n in range(100)]
    assert (found[0].product.title, found[0].product.price, found[0].image) == ("A mug", 9.5, "0.png")
    assert found[0].product.attributes == {"since": "2024-05-01", "tags": ["a"], "colour": "red"}
    assert found[1].product.attributes["weight"] == 0.5
    assert feed_folder(path) == tmp_path


def test_images_in_parquet_as_bytes_structs_and_lists(tmp_path: Path) -> None:
    images = pa.array(
        [
            [{"bytes": PNG, "path": "a.png"}, {"bytes": None, "path": "b.png"}],
            [],
            [{"bytes": PNG, "path": None}, {"bytes": None, "path": None}],
        ],
        pa.list_(IMAGE),
    )
    path = tmp_path / "lists.parquet"
    pq.write_table(pa.table({"image": images, "title": ["one", "two", "three"]}), path)
    found = list(read_feed(path))
    ids = [row.product.id if isinstance(row, FeedRow) else row.id for row in found]
    assert [row.line for row in found] == [1, 1, 2, 3, 3] and ids == ["row-1", "row-1", "row-2", "row-3", "row-3"]
    assert [row.image if isinstance(row, FeedRow) else None for row in found] == [PNG, "b.png", None, PNG, None]
    plain = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"IMAGE": [PNG]}), plain)
    assert rows(plain)[0].image == PNG


def test_a_dataset_in_shards_with_labels(tmp_path: Path) -> None:
    features = {"label": {"names": ["mug", "cap"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    shards = [
        pa.table(
            {
                "image": pa.array([{"bytes": PNG, "path": None}] * size, IMAGE),
                "label": pa.array([1, -1, *([0] * (size - 2))]),
            }
        )
        for size in (50, 3)
    ]
    folder = save_to_disk(tmp_path / "set", shards, features)
    found = rows(folder, "category=label")
    assert [row.product.id for row in found] == [f"row-{n}" for n in range(1, 54)]
    assert [row.product.category for row in found[:3]] == ["cap", None, "mug"] and found[50].product.category == "cap"
    assert feed_folder(folder) == folder


def test_a_dictionary_of_datasets_is_read_split_by_split(tmp_path: Path) -> None:
    for split in ("train", "test"):
        save_to_disk(tmp_path / split, [pa.table({"image": [f"{split}.png"], "id": [split]})])
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    assert [(row.line, row.product.id) for row in rows(tmp_path)] == [(1, "train"), (2, "test")]


def test_feeds_that_cannot_work(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("no parquet")
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "no_image.parquet")
    pq.write_table(pa.table({"id": ["1"], "image": ["a.png"]}), tmp_path / "fine.parquet")
    half = save_to_disk(tmp_path / "half", [pa.table({"image": ["a.png"] * 100})])
    shard = half / "data-00000-of-00001.arrow"
    gone = save_to_disk(tmp_path / "gone", [pa.table({"image": ["a.png"]})])
    (gone / "data-00000-of-00001.arrow").unlink()
    for path in (tmp_path / "text.parquet", tmp_path / "no_image.parquet", gone):
        with pytest.raises(FeedError):
            read_feed(path)
    with pytest.raises(FeedError, match="no column 'nope'"):
        read_feed(tmp_path / "fine.parquet", parse_columns(["title=nope"]))
    shard.write_bytes(shard.read_bytes()[:-400])
    with pytest.raises(FeedError, match="damaged after row"):
        list(read_feed(half))


def test_files_of_a_dataset_lie_in_its_folder(tmp_path: Path) -> None:
    folder = save_to_disk(tmp_path / "set", [pa.table({"image": ["a.png"]})])
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "../../etc/data.arrow"}]}))
    with pytest.raises(FeedError):
        read_feed(folder)


def test_objects_of_attributes_are_kept_as_structs_and_as_maps(tmp_path: Path) -> None:
    for kind, name in (
        (pa.struct([("size", pa.int64()), ("tags", pa.list_(pa.string())), ("none", pa.string())]), "struct"),
        (pa.map_(pa.string(), pa.int64()), "map"),
    ):
        value = {"size": 3, "tags": ["a"], "none": None} if name == "struct" else {"size": 3}
        path = tmp_path / f"{name}.parquet"
        attributes = pa.array([value if name == "struct" else list(value.items())], kind)
        pq.write_table(pa.table({"id": ["1"], "image": ["a.png"], "attributes": attributes}), path)
        assert rows(path)[0].product.attributes == {key: item for key, item in value.items() if item is not None}


def test_narrow_floats_are_the_decimals_that_they_stand_for(tmp_path: Path) -> None:
    """28.9 as a float32 is 28.899999618530273 as a float64."""
    table = pa.table(
        {
            "image": ["a.png"],
            "price": pa.array([28.9], pa.float32()),
            "weight": pa.array([1.1], pa.float32()),
            "sizes": pa.array([[36.6, 1e10]], pa.list_(pa.float32())),
            "attributes": pa.array([{"depth": 0.1}], pa.struct([("depth", pa.float32())])),
            "half": pa.array(np.array([0.1], np.float16)),
            "wide": pa.array([0.1 + 0.2]),
            "exact": pa.array([Decimal("123456789012345.123456789")]),
        }
    )
    path = tmp_path / "f.parquet"
    pq.write_table(table, path)
    [row] = rows(path)
    assert row.product.price == 28.9
    assert row.product.attributes == {
        "weight": 1.1,
        "sizes": [36.6, 1e10],
        "depth": 0.1,
        "half": 0.1,
        "wide": 0.1 + 0.2,
        "exact": "123456789012345.123456789",
    }


def test_columns_that_are_left_out_are_named(tmp_path: Path) -> None:
    table = pa.table({"image": ["a.png"], "raw": [b"x"], "nested": [{"a": 1}], "lists": [[[1]]], "size": [3]})
    path = tmp_path / "f.parquet"
    pq.write_table(table, path)
    feed = open_feed(path)
    with feed.survey() as survey:
        assert feed.notes(survey)[1] == "Columns of bytes or objects are left out: 'raw', 'nested', 'lists'."
    assert rows(path)[0].product.attributes == {"size": 3}


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"image": ["a.png"], "title": ["a"], "Title": ["b"]}), path)
    with pytest.raises(FeedError, match="Two columns"):
        read_feed(path)
