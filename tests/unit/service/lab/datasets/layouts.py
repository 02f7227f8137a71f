"""Data sets of a few queries in the layouts in which they are published."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.unit.service.lab.sets import write_images, write_json, write_lines

GROUP = ["ref", "a", "b", "c", "d", "e"]


def cirr(root: Path, split: str = "val", folder: str = "dev") -> Path:
    """Two queries over eight images; `ref` is the reference of the first one. As in the published files, soft targets
    may be half or not at all right, and may be the reference itself.
    """
    names = [*GROUP, "f", "other"]
    entries = []
    for pair, (reference, target) in enumerate([("ref", "a"), ("other", "b")], start=12063):
        members = GROUP if reference == "ref" else ["other", "a", "b", "c", "d", "e"]
        group = {"id": 36, "members": members, "reference_rank": 2}
        entry = {"pairid": pair, "reference": reference, "caption": "as a drawing", "img_set": group}
        if split != "test1":
            soft = {target: 1.0, "c": 0.5, "d": -1.0, reference: 1.0}
            entry |= {"target_hard": target, "target_soft": soft, "img_set": group | {"target_rank": 3}}
        entries.append(entry)
    write_json(root / f"captions/cap.rc2.{split}.json", entries)
    write_json(root / f"image_splits/split.rc2.{split}.json", {name: f"./{folder}/{name}.png" for name in names})
    write_images(root / "img_raw" / folder, *(f"{name}.png" for name in names))
    return root


def circo(root: Path, split: str = "val", names: int = 60) -> Path:
    """Two queries; the first has eight ground truths, images 1 to 8."""
    coco = root / "COCO2017_unlabeled"
    images = [{"id": number, "file_name": f"{number:012d}.jpg", "width": 32} for number in range(names)]
    write_json(coco / "annotations/image_info_unlabeled2017.json", {"images": images})
    write_images(coco / "unlabeled2017", *(str(image["file_name"]) for image in images))
    first = {"id": 0, "reference_img_id": 0, "relative_caption": "has two dogs", "shared_concept": "a dog"}
    second = {"id": 1, "reference_img_id": 9, "relative_caption": "is seen from above", "shared_concept": "a cup"}
    if split == "val":
        first |= {"target_img_id": 1, "gt_img_ids": list(range(1, 9)), "semantic_aspects": ["cardinality", "addition"]}
        second |= {"target_img_id": 10, "gt_img_ids": [10, 11], "semantic_aspects": ["viewpoint"]}
    write_json(root / f"annotations/{split}.json", [first, second])
    return root


def fashioniq(root: Path, split: str = "val") -> Path:
    """One query on dresses, two each on shirts and tops; `S1` is a shirt and a top. Captions have blanks and marks
    around them, as in the published files.
    """
    galleries = {"dress": ["D1", "D2", "D3"], "shirt": ["S1", "S2", "S3"], "toptee": ["S1", "T2", "T3"]}
    for category, names in galleries.items():
        pairs = [(names[0], names[1]), (names[1], names[2])][: 1 if category == "dress" else 2]
        rows = []
        for candidate, target in pairs:
            row: dict[str, object] = {"candidate": candidate, "captions": [" is red. ", "has long sleeves?"]}
            rows.append(row | ({"target": target} if split != "test" else {}))
        write_json(root / f"captions/cap.{category}.{split}.json", rows)
        write_json(root / f"image_splits/split.{category}.{split}.json", names)
        write_images(root / "images", *(f"{name}.jpg" for name in names))
    return root


def circled(root: Path) -> Path:
    """A session of two turns over the images of `cirr`, which lies next to it."""
    cirr(root / "cirr")
    turns = [
        {"turn": 1, "reference_image_id": "ref", "relative_caption": "as a drawing"},
        {"turn": 2, "reference_image_id": "b", "relative_caption": " with two dogs"},
    ]
    session = {"session_id": "cirr_val_0000", "subset": "cirr_val", "ground_truth_ids": ["a"], "num_turns": 2}
    write_json(root / "circled/data/cirr_val.json", [{**session, "turns": turns}])
    return root / "circled"


def pinpoint(root: Path) -> Path:
    """One wish in two wordings, and one of two images. A negative is not in the index; missing values are pandas'."""
    names = [f"{number:032x}" for number in range(8)]
    (root / "index_signatures.txt").write_text("\n".join(names[2:7]) + "\n", encoding="utf-8")
    write_images(root / "images", *(f"{name}.jpg" for name in names[:7]))
    rows: list[dict[str, object]] = [
        {"query_id": "query_1", "query_image_signature": names[0], "query_image_signature2": None},
        {"query_id": "2", "query_image_signature": names[0], "query_image_signature2": None},
        {"query_id": "3", "query_image_signature": names[0], "query_image_signature2": names[1]},
    ]
    more = {"query_category": "fashion", "length_category": None, "token_count": "2"}
    for row, instruction in zip(rows, ("in blue", "a blue one", "both together"), strict=True):
        row |= {"instruction": instruction, **more}
    candidates: dict[str, object] = {"positive_candidates": names[2:4], "negative_candidates": [names[4], names[7]]}
    table = pa.Table.from_pylist([{**row, **candidates} for row in rows])
    pq.write_table(table, root / "pinpoint_metadata.parquet")
    return root


def lasco(root: Path) -> Path:
    """Two queries over three images. The corpus and the queries write paths differently, as they do in LaSCo."""
    names = {number: f"COCO_val2014_{number:012d}.jpg" for number in (42, 73, 74)}
    corpus = [{"id": id, "path": f"val/val2014/{name}"} for id, name in names.items()]
    write_json(root / "lasco_val_corpus.json", corpus)
    triplets = [(42001, 42, 73), (73001, 73, 42)]
    rows = [
        {
            "qid": qid,
            "query-image": [source, f"val2014/{names[source]}"],
            "query-text": "The person rides the bike",
            "target-image": [target, f"val2014/{names[target]}"],
        }
        for qid, source, target in triplets
    ]
    write_json(root / "lasco_val.json", rows)
    write_images(root / "val2014", *names.values())
    return root


def genecis_objects(root: Path) -> Path:
    """Two queries with three images besides the target, and one of another size that the official code drops."""
    rows = [
        {"reference": 9, "target": 5, "gallery": [1, 2, 3], "condition": "table"},
        {"reference": 8, "target": 1, "gallery": [2, 3, 4], "condition": "sky"},
        {"reference": 8, "target": 1, "gallery": [2], "condition": "dog"},
    ]

    def image(id: object) -> dict[str, object]:
        return {"val_image_id": id}

    written = [
        {
            "reference": image(row["reference"]),
            "target": image(row["target"]),
            "gallery": [image(id) for id in row["gallery"]],  # type: ignore[attr-defined]
            "condition": row["condition"],
        }
        for row in rows
    ]
    write_json(root / "genecis/focus_object.json", written)
    write_images(root / "val2017", *(f"{number:012d}.jpg" for number in range(10)))
    return root


def genecis_attributes(root: Path) -> Path:
    """One query on objects that are parts of images; two of them are in the same image."""

    def thing(id: int, *box: float) -> dict[str, object]:
        return {"image_id": id, "instance_bbox": list(box), "object_name": "cup"}

    row = {
        "reference": thing(1, 0, 0, 10, 10),
        "target": thing(2, 10, 4, 10, 5),
        "gallery": [thing(2, 0, 0, 8, 8), thing(3, 1, 1, 20, 20)],
        "condition": "blue",
    }
    write_json(root / "genecis/focus_attribute.json", [row])
    write_images(root / "VG_100K_all", "1.jpg", "2.jpg", "3.jpg")
    return root


def beir(root: Path) -> Path:
    """Two judged queries and one without judgments; `q1` is also the id of a document."""
    documents = [{"_id": "q1", "title": "", "text": "itself"}, {"_id": "d1", "title": "one", "text": "first"}]
    write_lines(root / "corpus.jsonl", *documents, {"_id": "d2", "title": "two", "text": "second", "metadata": {}})
    write_lines(root / "queries.jsonl", *({"_id": f"q{number}", "text": "what"} for number in (1, 2, 3)))
    judged = ("q1\td1\t2", "q1\td2\t0", "q2\td2\t-1", "q2\td1\t1")
    write_lines(root / "qrels/test.tsv", "query-id\tcorpus-id\tscore", *judged)
    return root


def own(root: Path) -> Path:
    """Two products and two queries in our own format."""
    write_images(root, "images/mug.png", "images/leopard.png")
    mug = {"id": "mug", "title": "A mug", "image": "images/mug.png", "category": "mug", "price": 9.5}
    write_lines(root / "documents.jsonl", mug | {"attributes": {"colour": "red"}}, {"id": "cap", "title": "A cap"})
    first = {"id": "q1", "text": "a mug with this", "image": "images/leopard.png", "tags": ["kind:motif"]}
    second = {"id": 2, "text": "a cap", "filter": {"price": {"lte": 30}}, "excluded": ["mug"]}
    write_lines(root / "queries.jsonl", first, second)
    judgments = [{"query": "q1", "document": "mug", "grade": 3}, {"query": "q1", "document": "cap", "grade": 0}]
    write_lines(root / "judgments.jsonl", *judgments, {"query": 2, "document": "cap", "grade": 1})
    return root
