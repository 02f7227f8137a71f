"""Submissions: the official form, and nothing that a server would refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from service.lab.datasets import load_dataset
from service.lab.judged import DataSet, LabDocument, LabQuery, Protocol
from service.lab.lab_errors import SubmissionError
from service.lab.submissions import circo_submission, cirr_submission, submissions, write_submission
from tests.unit.service.lab.datasets import layouts
from tests.unit.service.lab.sets import run

GALLERY = [f"test1-{number}-0-img0" for number in range(60)]
GROUP = tuple(GALLERY[1:6])


def _cirr() -> DataSet:
    query = LabQuery("12063", "as a drawing", excluded=frozenset({GALLERY[0]}), subset=GROUP)
    documents = {id: LabDocument(id) for id in GALLERY}
    return DataSet("cirr-test1", documents, {query.id: query}, None, Protocol(("R@1",), 50, submission="cirr"))


def test_cirr_has_fifty_names_without_the_reference_and_three_of_the_group() -> None:
    ranked = run({"12063": GALLERY}, subsets={"12063": GROUP[::-1]})
    files = submissions(_cirr(), ranked)
    assert files["cirr_recall.json"] == {"version": "rc2", "metric": "recall", "12063": GALLERY[1:51]}
    subset = {"version": "rc2", "metric": "recall_subset", "12063": list(GROUP[:1:-1])}
    assert files["cirr_recall_subset.json"] == subset


def test_without_an_order_of_its_own_the_group_is_taken_from_the_ranking() -> None:
    found = cirr_submission(_cirr(), run({"12063": GALLERY}), "recall_subset")
    assert found["12063"] == list(GROUP[:3])


def test_too_short_foreign_and_missing_answers_are_refused() -> None:
    with pytest.raises(SubmissionError, match="The query 12063 has 49 documents, and the server expects 50"):
        cirr_submission(_cirr(), run({"12063": GALLERY[:50]}), "recall")  # one of the 50 is the reference
    with pytest.raises(SubmissionError, match="'x', which is not in the gallery of cirr-test1"):
        cirr_submission(_cirr(), run({"12063": ["x", *GALLERY]}), "recall")
    with pytest.raises(SubmissionError, match="has 0 documents, and the server expects 3"):
        cirr_submission(_cirr(), run({}), "recall_subset")


def test_circo_has_fifty_numbers_for_every_query(tmp_path: Path) -> None:
    found = load_dataset("circo", layouts.circo(tmp_path, split="test"), split="test")
    order = [str(number) for number in range(59, -1, -1)]
    ranked = run({"0": order, "1": order})
    numbers = list(range(59, 9, -1))
    assert submissions(found, ranked) == {"circo.json": {"0": numbers, "1": numbers}}
    with pytest.raises(SubmissionError, match="The query 1 has 0 documents"):
        circo_submission(found, run({"0": order}))


def test_other_data_sets_have_no_server(tmp_path: Path) -> None:
    assert submissions(load_dataset("circo", layouts.circo(tmp_path)), run({})) == {}


def test_the_file_is_plain_json_and_not_too_large(tmp_path: Path) -> None:
    path = tmp_path / "cirr_recall.json"
    content = cirr_submission(_cirr(), run({"12063": GALLERY}), "recall")
    write_submission(path, content)
    assert json.loads(path.read_text()) == content
    with pytest.raises(SubmissionError, match="larger than the 5 MB"):
        write_submission(path, {**content, "x": "y" * 5_000_000})
    assert json.loads(path.read_text()) == content


def test_fashioniq_has_the_caption_file_of_each_category_with_rankings(tmp_path: Path) -> None:
    """As `start_kit/eval.py` writes them: every row of the file in its order, with a `ranking` beside it."""
    data = load_dataset("fashioniq", layouts.fashioniq(tmp_path, "test"), split="test")
    assert data.judgments is None
    names = [f"N{number}" for number in range(60)]
    gallery = {**data.documents, **{name: LabDocument(name) for name in names}}
    found = submissions(replace(data, documents=gallery), run(dict.fromkeys(data.queries, names)))
    assert sorted(found) == ["dress.test.pred.json", "shirt.test.pred.json", "toptee.test.pred.json"]
    rows = json.loads((tmp_path / "captions/cap.shirt.test.json").read_text())
    assert found["shirt.test.pred.json"] == [{**row, "ranking": names[:50]} for row in rows]
    with pytest.raises(SubmissionError, match="expects 50"):
        submissions(data, run({}))
    write_submission(tmp_path / "out.json", found["dress.test.pred.json"])
    assert json.loads((tmp_path / "out.json").read_text())[0]["candidate"] == "D1"


def test_fashioniq_by_averaged_values_has_no_single_ranking_to_submit(tmp_path: Path) -> None:
    data = load_dataset("fashioniq", layouts.fashioniq(tmp_path, "test"), split="test", captions="values")
    assert data.protocol.submission is None
