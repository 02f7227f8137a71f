"""What is wrong with a data set is said before any long work starts: one message with the file and the line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.lab.datasets import load_dataset
from service.lab.lab_errors import DataSetError
from tests.unit.service.lab.datasets import layouts
from tests.unit.service.lab.sets import write_json, write_lines

CAPTIONS = "captions/cap.rc2.val.json"
COCO = "COCO2017_unlabeled/annotations/image_info_unlabeled2017.json"


def _edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change a JSON file in place."""
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    write_json(path, value)


def _refused(kind: str, root: Path, **options: Any) -> str:
    with pytest.raises(DataSetError) as caught:
        load_dataset(kind, root, **options)
    assert str(caught.value) == caught.value.detail and caught.value.detail.endswith(".")
    return caught.value.detail


@pytest.mark.parametrize(
    ("kind", "lost", "options"),
    [
        ("cirr", CAPTIONS, {}),
        ("cirr", "image_splits/split.rc2.val.json", {}),
        ("circo", "annotations/val.json", {}),
        ("circo", COCO, {}),
        ("fashioniq", "captions/cap.shirt.val.json", {}),
        ("lasco", "lasco_val_corpus.json", {}),
        ("genecis_objects", "genecis/focus_object.json", {"task": "focus_object"}),
        ("beir", "qrels/test.tsv", {}),
        ("beir", "corpus.jsonl", {}),
        ("own", "judgments.jsonl", {}),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, kind: str, lost: str, options: dict[str, Any]) -> None:
    getattr(layouts, kind)(tmp_path)
    (tmp_path / lost).unlink()
    name = {"genecis_objects": "genecis", "own": "jsonl"}.get(kind, kind)
    assert _refused(name, tmp_path, **options) == f"{tmp_path / lost}: the file is missing."


@pytest.mark.parametrize("kind", ["cirr", "circo", "fashioniq", "lasco", "beir", "jsonl"])
def test_a_missing_folder_is_named(tmp_path: Path, kind: str) -> None:
    nowhere = tmp_path / "nowhere"
    assert _refused(kind, nowhere) == f"{nowhere}: there is no such folder."


def test_an_unknown_id_is_named_with_its_entry(tmp_path: Path) -> None:
    layouts.cirr(tmp_path)
    _edit(tmp_path / CAPTIONS, lambda rows: rows[1].update(reference="nobody"))
    assert (
        _refused("cirr", tmp_path) == f"{tmp_path / CAPTIONS}, entry 2: the reference 'nobody' is not in the gallery."
    )


def test_an_unknown_target_is_named(tmp_path: Path) -> None:
    layouts.fashioniq(tmp_path)
    file = tmp_path / "captions/cap.toptee.val.json"
    _edit(file, lambda rows: rows[0].update(target="D1"))  # a dress is no answer among the tops
    assert _refused("fashioniq", tmp_path) == f"{file}, entry 1: the target 'D1' is not in the gallery."


def test_a_doubled_judgment_is_named_with_its_entry(tmp_path: Path) -> None:
    layouts.circo(tmp_path)
    file = tmp_path / "annotations/val.json"
    _edit(file, lambda rows: rows[1]["gt_img_ids"].append(11))
    assert _refused("circo", tmp_path) == f"{file}, entry 2: the document '11' is judged twice for the query '1'."


def test_a_doubled_judgment_is_named_with_its_line(tmp_path: Path) -> None:
    file = layouts.own(tmp_path) / "judgments.jsonl"
    with file.open("a", encoding="utf-8") as rows:
        rows.write('\n{"query": "q1", "document": "mug", "grade": 1}\n')
    assert _refused("jsonl", tmp_path) == f"{file}, line 5: the document 'mug' is judged twice for the query 'q1'."


def test_a_doubled_query_is_named(tmp_path: Path) -> None:
    layouts.cirr(tmp_path)
    _edit(tmp_path / CAPTIONS, lambda rows: rows[1].update(pairid=12063))
    assert "entry 2: the query '12063' appears twice." in _refused("cirr", tmp_path)


def test_a_lost_image_is_named_with_the_place_that_names_it(tmp_path: Path) -> None:
    layouts.circo(tmp_path)
    lost = tmp_path / "COCO2017_unlabeled/unlabeled2017/000000000003.jpg"
    lost.unlink()
    place = f"{tmp_path / COCO}, image 4"
    assert _refused("circo", tmp_path) == f"{place}: the image {lost} cannot be used: the file is missing."
    assert load_dataset("circo", tmp_path, check_images=False).queries


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", b"\x89PNG\r\n\x1a\n broken", b"GIF89a"])
def test_an_unreadable_image_is_named(tmp_path: Path, data: bytes) -> None:
    layouts.own(tmp_path)
    broken = tmp_path / "images/mug.png"
    broken.write_bytes(data)
    detail = _refused("jsonl", tmp_path)
    assert detail.startswith(f"{tmp_path / 'documents.jsonl'}, line 1: the image {broken} cannot be used: ")


def test_several_unreadable_images_are_one_message(tmp_path: Path) -> None:
    layouts.own(tmp_path)
    for name in ("mug", "leopard"):
        (tmp_path / f"images/{name}.png").write_bytes(b"")
    assert "(and 1 more images cannot be used: leopard.png)" in _refused("jsonl", tmp_path)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../secret.png", "images/../../secret.png", "a\\b.png", "x\0.png", "."]
)
def test_an_image_outside_the_data_set_is_refused(tmp_path: Path, name: str) -> None:
    layouts.own(tmp_path)
    write_lines(tmp_path / "documents.jsonl", {"id": "mug", "image": name})
    assert "is not the path of an image inside the data set" in _refused("jsonl", tmp_path)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("{", "line 2: the line is not valid JSON"),
        ("[1]", "line 2: Input should be a valid dictionary"),
        ({"id": "q9"}, "line 2: the query 'q9' has neither a text nor an image"),
        ({"id": "q9", "text": "x", "colour": 1}, "line 2: colour: Extra inputs are not permitted"),
        ({"id": "q9", "text": "x", "filter": {"nothing": 1}}, "line 2: filter.nothing is not known"),
        ({"id": "q9", "text": "x", "excluded": ["moon"]}, "line 2: the excluded document 'moon' is not in the gallery"),
        ({"id": True, "text": "x"}, "line 2: id: Input should be a valid string"),
        ('{"id": "q9", "text": NaN}', "line 2: the line is not valid JSON"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, row: object, fault: str) -> None:
    layouts.own(tmp_path)
    write_lines(tmp_path / "queries.jsonl", {"id": "q1", "text": "a mug"}, row)
    assert _refused("jsonl", tmp_path).startswith(f"{tmp_path / 'queries.jsonl'}, {fault}")


@pytest.mark.parametrize("line", ["q1\td1", "q1 d1 1", "q1\td1\tgood", "q1\td1\t1.5", "q9\td1\t1", "q1\td9\t1"])
def test_a_wrong_line_of_qrels_is_named(tmp_path: Path, line: str) -> None:
    layouts.beir(tmp_path)
    file = write_lines(tmp_path / "qrels/test.tsv", "query-id\tcorpus-id\tscore", "q1\td2\t1", line)
    assert _refused("beir", tmp_path).startswith(f"{file}, line 3: ")


@pytest.mark.parametrize(
    ("kind", "file", "row"),
    [
        ("beir", "corpus.jsonl", {"_id": "d9", "title": " ", "text": ""}),
        ("own", "documents.jsonl", {"id": "d9", "attributes": {"note": " "}}),
        ("beir", "queries.jsonl", {"_id": "q2", "text": " "}),
        ("own", "queries.jsonl", {"id": "q9", "text": " "}),
    ],
)
def test_what_has_neither_an_image_nor_words_is_named_with_its_line(
    tmp_path: Path, kind: str, file: str, row: object
) -> None:
    path = getattr(layouts, kind)(tmp_path) / file
    lines = path.read_text(encoding="utf-8").splitlines()[:1]
    write_lines(path, *lines, row)
    told = _refused("jsonl" if kind == "own" else kind, tmp_path)
    assert told.startswith(f"{path}, line 2: ") and "has neither a" in told


def test_text_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    file = layouts.beir(tmp_path) / "queries.jsonl"
    file.write_bytes(file.read_bytes() + b'{"_id": "\xff"}\n')
    assert _refused("beir", tmp_path) == f"{file}, line 4: the line is not UTF-8 text."


def test_a_file_of_another_shape_is_refused(tmp_path: Path) -> None:
    layouts.cirr(tmp_path)
    write_json(tmp_path / CAPTIONS, {"pairid": 1})
    assert "the file must be one JSON array" in _refused("cirr", tmp_path)
    (tmp_path / CAPTIONS).write_text("[1,\n2,\n", encoding="utf-8")
    assert _refused("cirr", tmp_path).endswith("line 3: the file is not valid JSON.")


def test_an_unknown_kind_or_option_is_refused(tmp_path: Path) -> None:
    assert "The kinds are: beir, circled, circo, cirr" in _refused("imagenet", tmp_path)
    layouts.cirr(tmp_path)
    assert "option split" in _refused("cirr", tmp_path, split="dev")
    assert "option spilt" in _refused("cirr", tmp_path, spilt="val")
    assert "option task" in _refused("genecis", tmp_path)


@settings(max_examples=30, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_read_or_refused_with_its_file(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    root = tmp_path_factory.getbasetemp() / "any"
    file = write_json(root / "annotations/val.json", value)
    write_json(root / COCO, {"images": [{"id": 1, "file_name": "1.jpg"}]})
    with pytest.raises(DataSetError) as caught:
        load_dataset("circo", root, check_images=False)
    assert str(file) in caught.value.detail or "has no queries" in caught.value.detail
