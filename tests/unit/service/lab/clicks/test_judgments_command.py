"""`withthis clicks judgments`: the folder that it writes is a data set, and says what is not in it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.lab.datasets import load_dataset
from service.lab.trec import read_qrels
from service.search.online.log_reader import SearchLog
from tests.fakes import png
from tests.unit.service.lab.clicks.click_rows import event, log_of, search

IMAGE = png("red")
UPLOAD = png("blue")
KEY = f"{hashlib.sha256(IMAGE).hexdigest()}.png"


def write_export(path: Path, *, end: bool = True) -> Path:
    """The export of a catalog of five products, two with an image and two with neither image nor words."""
    rows: list[dict[str, Any]] = [
        {"withthis_export": 1, "encoder": "e", "fingerprint": "f", "vectors": False},
        {"id": "x", "title": "A\u2028mug", "price": 3.5, "attributes": {"n": 1}, "images": [KEY], "updated_at": 1},
        {"id": "y", "title": "A cup", "attributes": {}, "images": [], "updated_at": 1},
        {"id": "v", "title": "Its image is searched for", "attributes": {}, "images": [KEY], "updated_at": 1},
        {"id": "u", "title": "", "price": 2.5, "attributes": {}, "images": [], "updated_at": 1},
        {"id": "w", "title": "", "attributes": {}, "images": [f"{'0' * 64}.png"], "updated_at": 1},
        *([{"products": 5, "complete": True}] if end else []),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    image = path.parent / "images" / KEY[:2] / KEY
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(IMAGE)
    return path


def clicked(folder: Path) -> SearchLog:
    """Thirty searches of each of six queries, of which x is clicked in 20, y in 5, and the others in none."""
    uploaded, lost = hashlib.sha256(UPLOAD).hexdigest(), "f" * 64
    queries: list[dict[str, Any]] = [
        {"text": "a mug", "filter": {"price": {"lte": 9}}},
        {"text": "like this", "image": KEY.partition(".")[0], "product": "v"},
        {"text": "like my photo", "image": uploaded},
        {"text": "like a photo that nobody has", "image": lost},
        {"text": "a mug", "negative": {"text": "red"}},
        {"text": "a mug", "filter": {"price": {"no": 9}}},
    ]
    rows: list[Any] = []
    for place, query in enumerate(queries):
        for number in range(100 * place, 100 * place + 30):
            rows.append(search(number, ["x", "y", "w", "b c"][:: 1 if number % 2 else -1], query=query))
            rows += [event(number, "x")] * (number % 3 > 0) + [event(number, "y")] * (number % 6 == 0)
            rows += [event(number, "x", "add_to_cart")] * (number % 100 == 5)
    return log_of(folder, rows)


def run(*words: object) -> Any:
    """What the command prints."""
    found = CliRunner().invoke(app, ["clicks", "judgments", *map(str, words), "--json"], catch_exceptions=False)
    assert found.exit_code == 0, found.stderr
    return json.loads(found.stdout)


def test_the_folder_is_a_data_set_of_the_catalog(tmp_path: Path) -> None:
    clicked(tmp_path / "log")
    export = write_export(tmp_path / "judged" / "products.jsonl")
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "anything.PNG").write_bytes(UPLOAD)
    told = run(tmp_path / "log", "--out", export.parent, "--products", export, "--query-images", tmp_path / "uploads")
    data = load_dataset("jsonl", export.parent)
    assert (told["queries"], told["judgments"], told["documents"]) == (3, 6, 3)
    assert told["omitted"] == {
        "image_not_found": 1,
        "several_images_or_negative": 1,
        "filter_not_valid": 1,
        "product_not_in_the_catalog": 6,
        "blank_in_the_id": 0,
    }
    assert set(data.documents) == {"v", "x", "y"} and data.documents["x"].title == "A\u2028mug"
    assert sorted(query.text or "" for query in data.queries.values()) == ["a mug", "like my photo", "like this"]
    for query in data.queries.values():
        assert query.excluded == ({"v"} if query.text == "like this" else set())
        assert (query.image is None) == (query.text == "a mug") == (query.filter is not None)
        assert data.require_judgments()[query.id] == {"x": 3, "y": 1}


def test_every_estimate_is_kept_with_its_interval(tmp_path: Path) -> None:
    clicked(tmp_path / "log")
    run(tmp_path / "log", "--out", tmp_path / "judged", "--min-impressions", 1, "--model", "position")
    rows = [json.loads(line) for line in (tmp_path / "judged" / "estimates.jsonl").read_text().splitlines()]
    assert len(rows) == 6 * 4 and all(0 <= row["low"] < row["attractiveness"] < row["high"] <= 1 for row in rows)
    counts = {row["document"]: (row["impressions"], row["click"], row["add_to_cart"]) for row in rows}
    assert counts == {"x": (30, 20, 1), "y": (30, 5, 0), "w": (30, 0, 0), "b c": (30, 0, 0)}
    assert {row["grade"] for row in rows if row["document"] == "x"} == {3}


def test_purchases_are_worth_more_than_clicks(tmp_path: Path) -> None:
    rows = [search(number, ["x", "y"][:: 1 if number % 2 else -1]) for number in range(60)]
    rows += [event(number, "x") for number in range(60) if number % 4 < 2]
    rows += [event(number, "y", "purchase") for number in range(60) if number % 4 == 2]
    log_of(tmp_path / "log", rows)
    run(tmp_path / "log", "--out", tmp_path / "weighed", "--weight", "purchase=30")
    run(tmp_path / "log", "--out", tmp_path / "clicks", "--weight", "purchase=0")
    weighed, clicks = (read_qrels(tmp_path / name / "judgments.qrels").popitem()[1] for name in ("weighed", "clicks"))
    assert weighed["y"] > weighed["x"] and clicks["y"] < clicks["x"]


def test_a_data_set_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    clicked(tmp_path / "log")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "judgments.qrels").write_text("q 0 d 1\n")
    with pytest.raises(Exception, match="another data set"):
        run(tmp_path / "log", "--out", tmp_path / "mine")
    assert (tmp_path / "mine" / "judgments.qrels").read_text() == "q 0 d 1\n"
    for _ in range(2):
        run(tmp_path / "log", "--out", tmp_path / "ours")


def test_too_few_impressions_are_not_judged(tmp_path: Path) -> None:
    clicked(tmp_path / "log")
    told = run(tmp_path / "log", "--out", tmp_path / "judged", "--min-impressions", 31)
    assert told["judgments"] == told["queries"] == 0
    rows = [json.loads(line) for line in (tmp_path / "judged" / "estimates.jsonl").read_text().splitlines()]
    assert {row["grade"] for row in rows} == {None}


def test_what_is_no_export_is_an_error_with_its_line(tmp_path: Path) -> None:
    clicked(tmp_path / "log")
    broken = write_export(tmp_path / "products.jsonl", end=False)
    words = ["clicks", "judgments", str(tmp_path / "log"), "--out", str(tmp_path), "--products", str(broken)]
    with pytest.raises(Exception, match="incomplete"):
        CliRunner().invoke(app, words, catch_exceptions=False)
    broken.write_text('{"id": "x"}\n', encoding="utf-8")
    with pytest.raises(Exception, match="line 1"):
        CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.mark.parametrize("weight", ["click", "view=1", "click=-1", "click=nan", "purchase=many"])
def test_weights_are_checked(tmp_path: Path, weight: str) -> None:
    clicked(tmp_path / "log")
    words = ["clicks", "judgments", str(tmp_path / "log"), "--out", str(tmp_path), "--weight", weight]
    with pytest.raises(Exception, match="EVENT=NUMBER"):
        CliRunner().invoke(app, words, catch_exceptions=False)
