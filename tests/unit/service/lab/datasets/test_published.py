"""Published data sets in their official layouts: what a reader makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from service.catalog.document_form import DEFAULT_FORM, IMAGE_ONLY, DocumentForm
from service.cli.setups import SettingsOverlay
from service.lab.datasets import KINDS, load_dataset
from service.lab.embedding_cache import CachedEncoder, EmbeddingCache
from service.lab.gallery import Gallery, embedded
from service.lab.lab_errors import DataSetError, JudgmentsMissing
from service.lab.measures import evaluate
from service.settings import Settings
from tests.fakes import FakeEncoder
from tests.unit.service.lab.datasets import layouts
from tests.unit.service.lab.sets import run, write_json, write_lines


def test_cirr_excludes_the_reference_and_knows_its_group(tmp_path: Path) -> None:
    found = load_dataset("cirr", layouts.cirr(tmp_path))
    query = found.queries["12063"]
    assert query.excluded == {"ref"} and query.subset == ("a", "b", "c", "d", "e")
    assert query.image == found.documents["ref"].image and query.text == "as a drawing"
    assert found.judgments == {"12063": {"a": 1}, "12064": {"b": 1}}
    assert len(found.documents) == 8
    assert found.protocol.submission is None


def test_cirr_is_found_in_the_folder_above_and_in_the_layout_without_img_raw(tmp_path: Path) -> None:
    layouts.cirr(tmp_path / "cirr")
    (tmp_path / "cirr" / "img_raw" / "dev").rename(tmp_path / "dev")
    (tmp_path / "cirr" / "img_raw").rmdir()
    found = load_dataset("cirr", tmp_path)
    assert found.documents["a"].image is not None
    assert found.documents["a"].image.path == tmp_path / "dev" / "a.png"


def test_the_reference_is_removed_before_cirr_is_measured(tmp_path: Path) -> None:
    found = load_dataset("cirr", layouts.cirr(tmp_path))
    with_reference = run({"12063": ["ref", "a", "b"], "12064": ["f", "other", "a", "b"]})
    scores = evaluate(found, with_reference, ["R@1", "R@5", "R_subset@1", "R_subset@2"])
    assert scores.values["R@1"] == {"12063": 1.0, "12064": 0.0}
    assert scores.values["R_subset@1"] == {"12063": 1.0, "12064": 0.0}
    assert scores.values["R_subset@2"] == {"12063": 1.0, "12064": 1.0}  # of the group, a and b are left
    assert scores.mean("R@5") == 1.0


def test_a_subset_may_be_ranked_on_its_own(tmp_path: Path) -> None:
    found = load_dataset("cirr", layouts.cirr(tmp_path))
    short = run({"12063": ["f"], "12064": ["f"]})
    assert evaluate(found, short, ["R_subset@3"]).mean("R_subset@3") == 0.0
    own = run({"12063": ["f"], "12064": ["f"]}, subsets={"12063": ["ref", "a", "b"], "12064": ["e", "d", "c", "b"]})
    assert evaluate(found, own, ["R_subset@3"]).values["R_subset@3"] == {"12063": 1.0, "12064": 0.0}


def test_circo_has_several_ground_truths_and_its_aspects(tmp_path: Path) -> None:
    found = load_dataset("circo", layouts.circo(tmp_path))
    assert found.require_judgments()["0"] == {"1": 2} | {str(number): 1 for number in range(2, 9)}
    assert found.queries["0"].tags == {"aspect:cardinality", "aspect:addition"}
    assert not found.queries["0"].excluded
    ranked = run({"0": [str(number) for number in range(1, 6)], "1": ["11", "10"]})
    scores = evaluate(found, ranked, ["mAP@5", "mAP@10", "AP@5", "R(rel=2)@5"])
    assert scores.values["mAP@5"] == {"0": 1.0, "1": 1.0}  # eight are relevant, and five are all that fit
    assert scores.values["mAP@10"]["0"] == pytest.approx(5 / 8)
    assert scores.values["AP@5"]["0"] == pytest.approx(5 / 8)  # trec_eval divides by all eight at any cut-off
    assert scores.mean("R(rel=2)@5") == 1.0
    assert scores.by_slice("mAP@10", "aspect") == {"addition": 5 / 8, "cardinality": 5 / 8, "viewpoint": 1.0}


@pytest.mark.parametrize(("kind", "split"), [("cirr", "test1"), ("circo", "test"), ("fashioniq", "test")])
def test_a_split_without_ground_truth_can_be_read_and_not_measured(tmp_path: Path, kind: str, split: str) -> None:
    found = load_dataset(kind, getattr(layouts, kind)(tmp_path, split), split=split)
    assert found.queries and found.judgments is None
    with pytest.raises(JudgmentsMissing, match=rf"{kind}-{split}.*no public ground truth.*evaluation server"):
        evaluate(found, run({}))


def test_fashioniq_searches_each_category_in_its_own_gallery(tmp_path: Path) -> None:
    found = load_dataset("fashioniq", layouts.fashioniq(tmp_path))
    query = found.queries["shirt-1"]
    assert query.gallery == ("S1", "S2", "S3") and query.tags == {"category:shirt"}
    assert query.text == "is red and has long sleeves" and query.wordings == ("has long sleeves and is red",)
    assert found.queries["shirt-0"].gallery is query.gallery
    assert len(found.documents) == 8  # S1 is in two categories
    # What another category's gallery holds does not count.
    assert evaluate(found, run({"shirt-1": ["D1", "T2", "S3"]}), ["R@1"]).values["R@1"]["shirt-1"] == 1.0


def test_fashioniq_averages_over_categories_and_not_over_queries(tmp_path: Path) -> None:
    found = load_dataset("fashioniq", layouts.fashioniq(tmp_path))
    scores = evaluate(found, run({"dress-0": ["D2"], "shirt-0": ["S2"], "shirt-1": ["S1"]}), ["R@10"])
    assert scores.by_slice("R@10", "category") == {"dress": 1.0, "shirt": 0.5, "toptee": 0.0}
    assert scores.mean("R@10") == pytest.approx(0.5)


def test_fashioniq_averages_the_values_of_both_caption_orders(tmp_path: Path) -> None:
    found = load_dataset("fashioniq", layouts.fashioniq(tmp_path), captions="values", categories=["shirt"])
    forward, backward = found.queries["shirt-0-ab"], found.queries["shirt-0-ba"]
    assert (forward.text, backward.text) == ("is red and has long sleeves", "has long sleeves and is red")
    answers = {"shirt-0-ab": ["S2"], "shirt-0-ba": ["S3"], "shirt-1-ab": ["S3"], "shirt-1-ba": ["S3"]}
    scores = evaluate(found, run(answers), ["R@10"])
    assert scores.values["R@10"] == {"shirt-0": 0.5, "shirt-1": 1.0}
    assert scores.mean("R@10") == pytest.approx(0.75)


def test_lasco_joins_the_two_ways_in_which_it_writes_paths(tmp_path: Path) -> None:
    found = load_dataset("lasco", layouts.lasco(tmp_path))
    image = found.queries["42001"].image
    assert image is not None and image.path == tmp_path / "val2014" / "COCO_val2014_000000000042.jpg"
    assert found.judgments == {"42001": {"73": 1}, "73001": {"42": 1}}


def test_genecis_leaves_out_galleries_of_another_size_and_does_not_favor_the_target(tmp_path: Path) -> None:
    found = load_dataset("genecis", layouts.genecis_objects(tmp_path), task="focus_object")
    assert list(found.queries) == ["0", "1"]
    assert found.queries["0"].gallery == ("1", "2", "3", "5")
    assert found.judgments == {"0": {"5": 1}, "1": {"1": 1}}
    assert found.protocol.measures == ("R@1", "R@2", "R@3") and found.protocol.depth == 4


def test_genecis_cuts_objects_out_and_pads_them(tmp_path: Path) -> None:
    found = load_dataset("genecis", layouts.genecis_attributes(tmp_path), task="focus_attribute")
    target = found.documents["2@10,4,10,5"].image
    assert target is not None
    assert target.box == pytest.approx((3.0, 0.5, 20.0, 9.0))  # 0.7 of its size more to the left and above
    opened = target.open()
    assert opened.image.size == (17, 17)
    assert opened.image.getpixel((8, 0)) == (0, 0, 0) and opened.image.getpixel((8, 8)) != (0, 0, 0)
    other = found.documents["2@0,0,8,8"].image
    assert other is not None and other.open().content_hash != opened.content_hash


def test_beir_takes_the_judged_queries_and_excludes_a_document_with_the_query_s_id(tmp_path: Path) -> None:
    found = load_dataset("beir", layouts.beir(tmp_path / "arguana"))
    assert found.name == "arguana-test" and list(found.queries) == ["q1", "q2"]
    assert found.queries["q1"].excluded == {"q1"} and not found.queries["q2"].excluded
    assert found.judgments == {"q1": {"d1": 2, "d2": 0}, "q2": {"d2": -1, "d1": 1}}
    assert found.documents["d1"].title == "one" and found.documents["d1"].description == "first"


@pytest.mark.parametrize("form", [DEFAULT_FORM, IMAGE_ONLY])
def test_beir_s_passages_are_embedded_with_their_titles(tmp_path: Path, form: DocumentForm) -> None:
    """IMAGE_ONLY is the form of an encoder that does not compose; a document without an image still has its words."""
    layouts.beir(tmp_path)
    documents = [{"_id": f"d{n}", "title": "Item" if n else "", "text": f"passage {n}"} for n in range(4)]
    write_lines(tmp_path / "corpus.jsonl", *documents)
    write_lines(tmp_path / "qrels/test.tsv", "query-id\tcorpus-id\tscore", "q1\td1\t1")
    encoder, setup = FakeEncoder(), SettingsOverlay(Settings(_env_file=None)).lay({})
    cached = CachedEncoder(encoder, EmbeddingCache(tmp_path / "cache", encoder.info))
    embedded(Gallery.of(load_dataset("beir", tmp_path)), cached, setup, form)
    assert [query.text for query in encoder.seen] == [
        "passage 0",
        "Item. passage 1",
        "Item. passage 2",
        "Item. passage 3",
    ]


def test_our_own_format_has_products_filters_and_grades(tmp_path: Path) -> None:
    found = load_dataset("jsonl", layouts.own(tmp_path))
    mug = found.documents["mug"]
    assert (mug.category, mug.price, mug.attributes) == ("mug", 9.5, {"colour": "red"})
    assert mug.image is not None and mug.image.open().image.mode == "RGB"
    query = found.queries["2"]
    assert query.excluded == {"mug"} and query.filter is not None and query.image is None
    assert found.judgments == {"q1": {"mug": 3, "cap": 0}, "2": {"cap": 1}}


def test_our_own_format_takes_qrels(tmp_path: Path) -> None:
    layouts.own(tmp_path)
    (tmp_path / "judgments.jsonl").unlink()
    (tmp_path / "judgments.qrels").write_text("q1 0 mug 2\n2 0 cap 1\n", encoding="utf-8")
    assert load_dataset("jsonl", tmp_path).judgments == {"q1": {"mug": 2}, "2": {"cap": 1}}


def test_qrels_alone_are_enough_to_measure_a_run(tmp_path: Path) -> None:
    file = tmp_path / "dl20.qrels"
    file.write_text("1 0 a 2\n1 0 b 0\n2 0 c 1\n", encoding="utf-8")
    found = load_dataset("trec", file)
    assert evaluate(found, run({"1": ["b", "a"], "2": ["c"]}), ["RR"]).mean("RR") == pytest.approx(0.75)


def test_every_kind_has_a_reader_that_is_tested_here() -> None:
    own = {"jsonl", "trec"}
    assert set(KINDS) == own | {"beir", "circled", "circo", "cirr", "fashioniq", "genecis", "lasco", "pinpoint"}


def test_a_cut_out_follows_an_image_that_was_reduced(tmp_path: Path) -> None:
    image = Image.new("RGB", (2048, 1024), "white")
    image.paste((255, 0, 0), (1024, 512, 2048, 1024))
    layouts.genecis_attributes(tmp_path)
    image.save(tmp_path / "VG_100K_all" / "3.jpg")
    found = load_dataset("genecis", tmp_path, task="focus_attribute")
    part = found.documents["3@1,1,20,20"].image
    assert part is not None
    red = type(part)(part.path, (1100, 600, 2000, 1000)).open().image
    assert red.size == (450, 200)
    assert red.getpixel((10, 10))[1] < 40  # type: ignore[index]


def test_circled_has_a_query_a_turn_over_the_gallery_that_it_extends(tmp_path: Path) -> None:
    found = load_dataset("circled", layouts.circled(tmp_path), base="../cirr", subset="cirr_val")
    first, second = found.queries["cirr_val_0000-1"], found.queries["cirr_val_0000-2"]
    assert (first.text, second.text) == ("as a drawing", "with two dogs")
    assert first.image == found.documents["ref"].image and first.excluded == {"ref"} and second.excluded == {"b"}
    assert second.tags == {"turn:2", "turns:2"} and len(found.documents) == 8
    assert found.judgments == {query: {"a": 1} for query in found.queries}
    scores = evaluate(found, run({first.id: ["ref", "c", "a"], second.id: ["b", "a"]}), ["Success@1", "RR"])
    assert scores.by_slice("RR", "turn") == {"1": 0.5, "2": 1.0}
    joined = load_dataset("circled", tmp_path / "circled", base="../cirr", history="joined")
    assert joined.queries[second.id].text == "as a drawing with two dogs"


def test_circled_finds_coco_s_images_by_numbers_with_zeros(tmp_path: Path) -> None:
    layouts.circo(tmp_path / "circo")
    turn = {"turn": 1, "reference_image_id": "000000000009", "relative_caption": "from above"}
    session = {"session_id": "circo_val_0000", "ground_truth_ids": ["10", 11], "turns": [turn]}
    write_json(tmp_path / "circo_val.json", [session])
    found = load_dataset("circled", tmp_path, base="circo", subset="circo_val")
    assert found.judgments == {"circo_val_0000-1": {"10": 1, "11": 1}}
    assert found.queries["circo_val_0000-1"].image == found.documents["9"].image


def test_pinpoint_has_explicit_negatives_wordings_and_queries_of_two_images(tmp_path: Path) -> None:
    found = load_dataset("pinpoint", layouts.pinpoint(tmp_path))
    one, other, two = (found.queries[id] for id in ("00001", "00002", "00003"))
    assert one.topic == other.topic != two.topic and one.tags == {"category:fashion", "images:1"}
    assert [ref.path.stem[-1] for ref in two.more_images] == ["1"] and not one.more_images
    positive, other_positive, negative = (f"{number:032x}" for number in (2, 3, 4))
    assert found.require_judgments()["00001"][negative] == -1 and len(found.documents) == 5
    assert "1 judged images are not in the index" in found.protocol.note
    ranked = run({one.id: [positive, negative], other.id: [positive, other_positive], two.id: [negative]})
    scores = evaluate(found, ranked, ["NegR@10", "NegR@1", "P@2"])
    # The one that the index lacks is a negative that was not found.
    assert scores.values["NegR@10"] == {one.unit: 0.25, two.unit: 0.5}
    assert scores.values["NegR@1"] == {one.unit: 0.0, two.unit: 1.0}
    assert scores.spread["P@2"] == {one.unit: 0.5}


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    layouts.pinpoint(tmp_path)
    (tmp_path / "pinpoint_metadata.parquet").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataSetError, match=r"pinpoint_metadata.parquet.*not Parquet"):
        load_dataset("pinpoint", tmp_path)
