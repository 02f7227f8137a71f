"""`withthis index` of feeds as shops have them, and of those that cannot be read: what is said, and the exit status."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app, main
from service.cli import index as index_module
from service.errors import WithThisError
from tests.fakes import FakeEncoder
from tests.unit.service.catalog import published_feeds as feeds
from tests.unit.service.images.sample_images import sample_image

FEEDS: dict[str, bytes | None] = {
    "missing.csv": None,
    "empty.csv": b"",
    "no-image.csv": b"id,title\n1,Mug\n",
    "latin-1.csv": "id;Maße;image\n1;2;a.png\n".encode("cp1252"),
    "doubled.csv": b"id,image,image\n1,a.png,b.png\n",
    "broken.json": b"[{",
    "text.json": b'"text"',
    "broken.parquet": b"PAR1 and no more",
    "feed.docx": b"PK",
}


@pytest.mark.parametrize("name", FEEDS)
def test_a_feed_that_cannot_be_read_ends_with_status_1(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WITHTHIS_STORE_URI", "exact:")
    monkeypatch.setattr(index_module, "load_patient_encoder", lambda settings: FakeEncoder())
    content = FEEDS[name]
    if content is not None:
        Path(name).write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["withthis", "index", name])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "The feed cannot be read" in said and "Traceback" not in said


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: three images, and a store in a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WITHTHIS_STORE_URI", "exact:rows.jsonl")
    monkeypatch.setenv("WITHTHIS_DATA_DIR", "data")
    monkeypatch.setenv("WITHTHIS_INGEST_WORKERS", "0")
    monkeypatch.setattr(index_module, "load_patient_encoder", lambda settings: FakeEncoder())
    for place, name in enumerate(("a.png", "b.png", "c.png")):
        Path(name).write_bytes(sample_image((place, 0, 0)))
    return tmp_path


def run(*options: str, text: str | None = None) -> tuple[int, dict[str, Any]]:
    """Exit status and report of a run."""
    result = CliRunner().invoke(app, ["index", *options, "--json"], input=text, catch_exceptions=False)
    return result.exit_code, json.loads(result.stdout)


@pytest.mark.usefixtures("folder")
def test_a_packed_feed_is_tried_first_and_then_indexed() -> None:
    Path("feed.xml.gz").write_bytes(gzip.compress(feeds.google_xml().encode()))
    status, dry = run("feed.xml.gz", "--dry-run")
    assert status == 0 and {one["name"] for one in dry["fields"]} >= {"title", "price", "currency", "gtin"}
    assert not Path("rows.jsonl").exists() and not Path("data").exists()
    assert run("feed.xml.gz") == (0, {**dry, "fields": []})
    shown = CliRunner().invoke(app, ["index", "feed.xml.gz", "--dry-run"], catch_exceptions=False).stderr
    assert "0012345678905" in shown and "5 unchanged" in shown


@pytest.mark.usefixtures("folder")
def test_the_exit_status_says_whether_all_went_in() -> None:
    text = "id,title,price,image\n1,Mug,5,a.png\n2,Hat,free,b.png\n"
    assert run("-", text=text)[0] == 3
    [reject] = [json.loads(line) for line in Path("stdin.rejects.jsonl").read_text().splitlines()]
    assert (reject["line"], reject["id"], reject["field"]) == (3, "2", "price")
    assert [run("-", "--max-rejects", most, text=text)[0] for most in ("1", "50%", "0.1%")] == [0, 0, 3]
    status, report = run("-", "--delete-missing", text="id,title,image\n3,Lamp,c.png\n")
    assert (status, report["deleted"]) == (0, 1)
    status, report = run("-", "--delete-missing", text='id,title,image\n1,Mug,a.png\n4,"Lamp,c.png\n')
    assert (status, report["deleted"]) == (3, 0) and "could not be read" in report["objection"]


@pytest.mark.usefixtures("folder")
def test_options_and_a_mapping_file() -> None:
    Path("shop.toml").write_text('without = ["Vendor"]\n[columns]\ncategory = "Tags"\n')
    Path("shopify.csv").write_text(feeds.SHOPIFY)
    _, report = run("shopify.csv", "--mapping", "shop.toml", "--column", "title=Status", "--dry-run")
    found = {one["name"]: one["values"] for one in report["fields"]}
    assert found["title"] == ["active"] and found["category"] == ["leopard, gift"] and "brand" not in found
    for options in (["--max-rejects", "few"], ["--dry-run", "--url", "http://127.0.0.1:1"]):
        with pytest.raises(WithThisError):
            run("shopify.csv", *options)
