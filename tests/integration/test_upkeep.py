"""`withthis index --column`, `reindex` and `gc`, as they are typed, on Milvus Lite and the exact store."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.build import open_store
from service.cli import app, upkeep
from service.cli import index as index_module
from service.errors import IndexLost, InvalidInput, StoreLocked, StoreUnavailable
from service.settings import load_settings
from tests.fakes import FakeEncoder, png

Run = Callable[..., Any]


@pytest.fixture(params=["", "exact:store.jsonl"], ids=["lite", "exact"])
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> Run:
    """Runs `withthis …` in a folder with a feed of three products under foreign names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("WITHTHIS_STORE_URI", request.param)
    monkeypatch.setattr(index_module, "load_patient_encoder", lambda settings: FakeEncoder())
    lines = []
    for number in range(3):
        Path(f"{number}.png").write_bytes(png(f"rgb({number}, 0, 0)"))
        lines.append({"sku": f"p{number}", "name": f"Product {number}", "image": [f"{number}.png"]})
    Path("feed.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def images() -> set[str]:
    return {path.name for path in Path(".withthis/images/originals").rglob("*.png")}


def index(run: Run) -> dict[str, int]:
    found: dict[str, int] = json.loads(
        run("index", "feed.jsonl", "--column", "id=sku", "--column", "title=name", "--json").stdout
    )
    return found


def test_gc_deletes_what_no_product_uses(run: Run) -> None:
    with pytest.raises(StoreUnavailable, match="WITHTHIS_COLLECTION"):
        run("gc", "--grace-hours", 0)
    assert index(run)["indexed"] == 3
    Path("1.png").write_bytes(png("navy"))
    assert index(run)["indexed"] == 1 and len(images()) == 4
    assert "0 images" in run("gc").stderr
    assert "1 images (1 files, 0.0 MiB) would be deleted" in run("gc", "--grace-hours", 0, "--dry-run").stderr
    assert json.loads(run("gc", "--grace-hours", 0, "--json").stdout)["pictures"] == 1
    assert len(images()) == 3 and index(run)["unchanged"] == 3


def test_gc_asks_before_it_deletes_more_than_stays(run: Run) -> None:
    index(run)
    folder = Path(".withthis/images/originals/ab")
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(101):
        (folder / f"ab{number:062x}.png").write_bytes(b"x")
    assert "101 images" in run("gc", "--grace-hours", 0, "--dry-run").stderr
    with pytest.raises(IndexLost, match="101 images would be deleted and 3 are in use"):
        run("gc", "--grace-hours", 0)
    assert len(images()) == 104
    assert json.loads(run("gc", "--grace-hours", 0, "--delete-most", "--json").stdout)["pictures"] == 101
    assert len(images()) == 3


def test_a_store_in_use_is_noticed_before_models_are_loaded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    index(run)

    def refuse(*_: object) -> None:
        raise StoreLocked

    def slow(settings: object) -> FakeEncoder:
        raise AssertionError("loaded a model for nothing")

    for store in ("service.stores.exact.exact_store.ExactStore", "service.stores.milvus.milvus_store.MilvusStore"):
        monkeypatch.setattr(f"{store}.claim", refuse)
    for loader in ("cli.index.load_patient_encoder", "cli.upkeep.load_patient_encoder", "build.load_encoder"):
        monkeypatch.setattr(f"service.{loader}", slow)
    for command in (("index", "feed.jsonl"), ("reindex",), ("search", "--text", "a mug"), ("serve", "--port", 0)):
        with pytest.raises(StoreLocked):
            run(*command)


def test_gc_deletes_rows_that_a_crash_left_over(run: Run) -> None:
    index(run)
    store = open_store(load_settings())
    rows = store.get("p1")
    store.upsert([replace(rows[0], id="p1#1", revision="gone", updated_at=1)])
    store.close()
    assert "1 rows left over" in run("gc", "--dry-run").stderr
    assert [json.loads(run("gc", "--json").stdout)["rows"] for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_the_advice_of_reindex_for_damaged_images_works(
    run: Run, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    index(run)
    broken = sorted(Path(".withthis/images/originals").rglob("*.png"))[0]
    good = broken.read_bytes()
    broken.write_bytes(b"y" * len(good) if damage is None else damage)
    other = FakeEncoder()
    other.info = replace(other.info, fingerprint="fake-2")
    with monkeypatch.context() as patch:
        patch.setattr(upkeep, "load_patient_encoder", lambda settings: other)
        with pytest.raises(StoreUnavailable, match="Index the feed again with the old encoder"):
            run("reindex")
        assert index(run)["unchanged"] == 3 and broken.read_bytes() == good
        assert json.loads(run("reindex", "--json").stdout)["encoded"] >= 1


def test_reindex_cures_a_change_of_encoder(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    index(run)
    other = FakeEncoder()
    other.info = replace(other.info, fingerprint="fake-2")
    monkeypatch.setattr(upkeep, "load_patient_encoder", lambda settings: other)
    monkeypatch.setattr(index_module, "load_patient_encoder", lambda settings: other)
    found = json.loads(run("reindex", "--json").stdout)
    assert (found["encoded"], found["copied"]) == (3, 0)
    assert index(run)["unchanged"] == 3
    assert "3 copied" in run("reindex").stderr


def test_delete_counts_asks_and_deletes_what_matches(run: Run) -> None:
    index(run)
    two = '{"id": {"in": ["p0", "p2"]}}'
    assert json.loads(run("delete", "--filter", two, "--dry-run", "--json").stdout)["matched"] == 2
    assert run("delete", "--filter", two).exit_code == 1  # nobody answers the question
    assert index(run)["unchanged"] == 3
    assert json.loads(run("delete", "--filter", two, "--yes", "--json").stdout) == {
        "matched": 2,
        "deleted": 2,
        "complete": True,
    }
    assert index(run)["indexed"] == 2
    assert "3 products deleted" in run("delete", "--all", "--yes").stderr
    assert len(images()) == 3
    for words in ((), ("--all", "--filter", two), ("--filter", "{}")):
        with pytest.raises(InvalidInput):
            run("delete", *words)
