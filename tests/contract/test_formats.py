"""Data that an earlier version has written is read by this one.

The files in `formats` were written by the version before the packages were rearranged (commit 99445c1) and are never
written again: a reader that stops reading them needs a migration, and a line in the change log.
"""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from rerank.engines.engine import EngineRequest
from rerank.query import Query
from service.catalog.document_form import IMAGE_ONLY, DocumentForm
from service.encoders.clip_family.image_processing import ImageRecipe
from service.images.decode import ImageLimits
from service.images.store.image_store import ImageStore
from service.lab.embedding_cache import query_key
from service.lab.journal import Journal
from service.lab.judged import LabQuery
from service.lab.recorded_engine import RecordedEngine
from service.lab.run_folder import Outcomes
from service.lab.runner import query_digest
from service.product import Product
from service.search.online.log_reader import FeedbackLine, SearchLine, SearchLog
from service.search.online.report import interleaving_report
from service.stores.exact.exact_store import ExactStore
from service.stores.milvus import schema, versions
from tests.integration.records import unit
from tests.unit.rerank.fakes import FakeEngine

FORMATS = Path(__file__).with_name("formats")
KEY = "cbe6d25f148856599ad172f97b8ba19da0c4cb38b3f11574e41df446856d230c.png"
MUG = Product(
    id="P1",
    title="Léopard mug",
    category="mug",
    price=9.5,
    attributes={"colour": "orange", "sizes": ["S", "M"], "new": True, "flags": [True, 1, "x"], "n": 3},
    image_key=KEY,
)
BARE = Product(id="P2", image_key="")
ORANGE = Image.new("RGB", (2, 2), "orange")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with copies of the files."""
    return shutil.copytree(FORMATS, tmp_path / "written")


def test_the_file_of_the_exact_store(written: Path) -> None:
    store = ExactStore(written / "products.jsonl")
    assert store.built_by() == ("fake", "fake-1") and store.count() == 3
    mug, other_side = store.get("P1")
    assert (mug.product, mug.content_hash, mug.updated_at) == (MUG, "hash-P1-0", 1)
    assert (other_side.id, other_side.product.image_key) == ("P1#1", KEY)
    assert [row.product for row in store.get("P2")] == [BARE]
    assert [hit.product_id for hit in store.search(unit(2), limit=1)] == ["P1"]
    store.close()


def test_rows_of_a_milvus_collection() -> None:
    rows = json.loads((FORMATS / "milvus_rows.json").read_text("utf-8"))
    mug, other_side, bare, plain = map(schema.to_record, rows)
    assert (mug.id, mug.product, mug.content_hash, mug.revision_rows) == ("P1#0", MUG, "hash-P1-0", 2)
    assert (other_side.id, bare.product) == ("P1#1", BARE)
    assert (plain.product.attributes, plain.revision) == ({"new": True}, ""), "of before booleans had a form"
    hit = schema.to_hit(rows[1], 0.5)
    assert (hit.id, hit.product, hit.revision) == (other_side.id, other_side.product, other_side.revision)
    assert schema.to_row(mug) == rows[0]


def test_the_description_of_a_milvus_collection() -> None:
    described = json.loads((FORMATS / "collection.json").read_text("utf-8"))
    ours = {field["name"]: field for field in schema.collection_schema(12).to_dict()["fields"]}
    assert [field["name"] for field in described["fields"]] == list(ours)
    for field in described["fields"]:
        assert field["dtype"] == ours[field["name"]]["type"].name.lower()
        assert field.get("max_length") == ours[field["name"]].get("params", {}).get("max_length")
    names = (schema.ENCODER_PROPERTY, schema.FINGERPRINT_PROPERTY, schema.ATTRIBUTES_PROPERTY)
    assert described["properties"].keys() == {*names, versions.INDEX_PROPERTY, versions.NAME_PROPERTY}
    assert described["properties"][schema.ATTRIBUTES_PROPERTY] == schema.TYPED
    assert DocumentForm.of(described["properties"][schema.FINGERPRINT_PROPERTY]) == IMAGE_ONLY


def test_fingerprints_hold_no_name_that_was_changed() -> None:
    assert ImageRecipe.read({}, "siglip", "pad").mark == (
        "PictureRecipe(side=224, edge=None, resample=3, scale=0.00392156862745098, mean=(0.5, 0.5, 0.5), "
        "std=(0.5, 0.5, 0.5), fit='pad')"
    )


def test_the_files_of_the_image_store(written: Path) -> None:
    files = json.loads((FORMATS / "images.json").read_text("utf-8"))
    for name, data in files.items():
        path = written / "images" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(base64.b64decode(data))
    images = ImageStore(written / "images", ImageLimits(working_side=16))
    assert (images.open(KEY).width, images.open(KEY).height) == (40, 24)
    assert max(images.rendition(KEY).image.size) == 16
    assert images.thumbnail(KEY, 128).media_type == "image/jpeg"
    found = {str(path.relative_to(written / "images")) for path in (written / "images").rglob("*") if path.is_file()}
    assert found == files.keys(), "rendition and thumbnail are those that were there"
    assert images.sweep(set(), older_than=2**40).files == len(files)


def test_the_search_log() -> None:
    log = SearchLog(FORMATS / "searches")
    lines = list(log.lines())
    searches = [line for line in lines if isinstance(line, SearchLine)]
    assert [line.teams for line in searches] == ["BAABBAAB", "ABABBABA", "BABABAB", None]
    assert sum(isinstance(line, FeedbackLine) for line in lines) == 4
    report = interleaving_report(log)
    assert (report.searches, report.events) == (4, 4)
    assert [(one.pair.a.fusion_weight, one.pair.b.fusion_weight) for one in report.comparisons] == [(1.0, 0.3)]


def test_the_outcomes_of_an_experiment(written: Path) -> None:
    lines = [json.loads(line) for line in (FORMATS / "outcomes.jsonl").read_text("utf-8").splitlines()]
    outcomes = Outcomes(Journal(written / "outcomes.jsonl"))
    found = [outcomes.get(query, line["digest"]) for query, line in zip(("q1", "q2", "q3"), lines, strict=True)]
    first = [(one.final[0], one.fault, one.reranked) for one in found if one is not None]
    assert first == [(id, "ok", 4) for id in ("P0", "P1", "P2")]
    outcomes.close()


def test_the_answers_of_an_engine_in_an_experiment(written: Path) -> None:
    asked = EngineRequest("Rank them.", (ORANGE,), ("A", "B"), 16)
    engine = FakeEngine()
    recorded = RecordedEngine(engine, Journal(written / "answers.jsonl"))
    generation = recorded.generate(asked)
    assert (generation.finish, generation.prompt_tokens) == ("stop", 55) and engine.asked == []
    recorded.close()


def test_the_keys_of_an_experiment() -> None:
    """With other keys nothing would be wrong, but all of it would be computed again."""
    assert (
        query_digest(LabQuery("q1", "a red mug")) == "bb3e93d315801f53653ebf06365e47709199f0cafb33c000f33b56a3a2d555ac"
    )
    embedded = Query("a red mug", ORANGE, role="document", text_share=0.5)
    assert query_key(embedded) == "e36de0d2d5349d08ca28830bf5cb58dec151da8369f39f080d46ca7a93ed29eb"
