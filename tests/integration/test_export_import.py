"""Backup and restore: what an export brings back is what was there, and what it cannot bring back is said."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from typer.testing import CliRunner

from rerank.query import Query
from service.build import open_store
from service.catalog import exporting
from service.cli import app
from service.cli import index as index_module
from service.cli.client import ServiceError
from service.encoders.encoder import Embeddings
from service.errors import FeedError, InvalidInput, StoreUnavailable
from service.images.store.image_store import ImageStore
from service.server.admission import Admission
from service.server.routes.exports import ExportStream
from service.settings import load_settings
from service.stores.store import Record
from tests.fakes import DIMENSION, FakeEncoder, make_shop, png
from tests.integration.live import live

Run = Callable[..., Any]
FEED: list[dict[str, Any]] = [
    {"id": "p1", "title": "Mug\u2028red", "category": "mug", "price": 12.5, "image": ["1.png", "2.png"], "n": 2**60},
    {"id": "p 2/ä", "title": "No image", "price": 0, "sizes": ["S", "M", 3], "stock": True},
    {"id": "p3", "title": "", "image": "3.png", "weight": 1.1, "code": "0012", "empty": []},
]


@pytest.fixture
def encoder() -> FakeEncoder:
    """The encoder of both catalogs."""
    return FakeEncoder()


@pytest.fixture(params=["", "exact:store.jsonl"], ids=["lite", "exact"])
def store_uri(request: pytest.FixtureRequest) -> str:
    """Where a catalog is."""
    return str(request.param)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store_uri: str, encoder: FakeEncoder) -> Run:
    """Runs `withthis …` where three products are indexed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("WITHTHIS_STORE_URI", store_uri)
    monkeypatch.setenv("WITHTHIS_ENCODER_BATCH", "1")
    monkeypatch.setenv("WITHTHIS_INGEST_WORKERS", "0")
    monkeypatch.setattr(index_module, "load_patient_encoder", lambda settings: encoder)
    for number in (1, 2, 3):
        Path(f"{number}.png").write_bytes(png(f"rgb({number}, 0, 0)"))
    Path("feed.jsonl").write_text("\n".join(map(json.dumps, FEED)))

    def typed(*words: object) -> Any:
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)

    assert typed("index", "feed.jsonl").exit_code == 0
    return typed


def bring(run: Run, *words: object, status: int = 0) -> dict[str, Any]:
    result = run("import", *words, "--json")
    assert result.exit_code == status, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def elsewhere(monkeypatch: pytest.MonkeyPatch, store_uri: str) -> None:
    """From now on, an empty catalog with an empty image store."""
    monkeypatch.setenv("WITHTHIS_STORE_URI", "exact:new.jsonl" if store_uri else "")
    monkeypatch.setenv("WITHTHIS_DATA_DIR", "new")


def rows() -> dict[str, list[Record]]:
    store = open_store(load_settings())
    try:
        ids = [str(line["id"]) for line in FEED]
        return store.products(ids)
    finally:
        store.close()


def found(vector: Any) -> list[tuple[str, float]]:
    store = open_store(load_settings())
    try:
        store.ensure(replace(FakeEncoder.info, fingerprint=(store.built_by() or ("", ""))[1]))
        return [(hit.product_id, round(hit.score, 5)) for hit in store.search(vector, limit=9)]
    finally:
        store.close()


def fields(products: dict[str, list[Record]]) -> dict[str, list[Any]]:
    return {id: [(row.product, row.content_hash) for row in rows] for id, rows in products.items()}


def originals(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).rglob("originals/*/*.png")}


def test_what_is_exported_comes_back_the_same(
    run: Run, encoder: FakeEncoder, store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, images = rows(), originals(".withthis")
    probes = np.eye(DIMENSION, dtype=np.float32)[:4]
    answers = [found(probe) for probe in probes]
    Path("a-file").touch()
    with pytest.raises(InvalidInput, match="Check the path"):
        run("export", "a-file/all.jsonl.gz")
    result = run("export", "backup/all.jsonl.gz", "--images", "--vectors", "--json")
    assert json.loads(result.stdout) == {"products": 3, "copied": 3, "present": 0, "lost": 0}
    lines = gzip.decompress(Path("backup/all.jsonl.gz").read_bytes()).splitlines(keepends=False)
    assert [sorted(json.loads(line))[:2] for line in (lines[0], lines[-1])] == [
        ["encoder", "fingerprint"],
        ["complete", "products"],
    ]
    elsewhere(monkeypatch, store_uri)
    encoder.seen.clear()
    report = bring(run, "backup/all.jsonl.gz")
    assert (report["indexed"], report["rejected"], report["objection"]) == (4, 0, None)
    assert encoder.seen == []
    after = rows()
    assert fields(after) == fields(before)
    assert all(
        np.array_equal(row.vector, old.vector)
        for id, products in after.items()
        for row, old in zip(products, before[id], strict=True)
    )
    assert originals("new") == images
    assert [found(probe) for probe in probes] == answers
    assert bring(run, "backup/all.jsonl.gz")["unchanged"] == 4


@pytest.mark.parametrize("store_uri", ["exact:store.jsonl"])
class TestOnOneStore:
    """What does not depend on the store."""

    def test_vectors_of_another_encoder_are_made_again(
        self, run: Run, encoder: FakeEncoder, store_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = fields(rows())
        run("export", "all.jsonl", "--vectors", "--images")
        elsewhere(monkeypatch, store_uri)
        encoder.seen.clear()
        monkeypatch.setattr(encoder, "info", replace(FakeEncoder.info, fingerprint="fake-2"))
        report = bring(run, "all.jsonl")
        assert report["indexed"] == 4 and len(encoder.seen) == 4
        assert "another encoder" in report["notes"][0]
        assert fields(rows()) == before

    def test_a_new_catalog_takes_on_the_fields_of_the_old_one(
        self, run: Run, encoder: FakeEncoder, store_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        elsewhere(monkeypatch, store_uri)
        monkeypatch.setenv("WITHTHIS_DOCUMENT", '["image", "title", "sizes"]')
        run("index", "feed.jsonl")
        run("export", "all.jsonl", "--vectors")
        run("delete", "--all", "--yes")
        Path("new.jsonl").unlink()
        monkeypatch.delenv("WITHTHIS_DOCUMENT")
        encoder.seen.clear()
        assert bring(run, "all.jsonl")["indexed"] == 4
        assert encoder.seen == []
        assert bring(run, "all.jsonl", "--dry-run")["unchanged"] == 4

    def test_an_interrupted_import_is_resumed(
        self, run: Run, encoder: FakeEncoder, store_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = fields(rows())
        run("export", "all.jsonl", "--images")
        elsewhere(monkeypatch, store_uri)
        whole, calls = encoder.encode, [1, 2, 3]

        def stop(queries: Sequence[Query]) -> Embeddings:
            if not calls:
                raise StoreUnavailable
            calls.pop()
            return whole(queries)

        monkeypatch.setattr(encoder, "encode", stop)
        with pytest.raises(StoreUnavailable):
            run("import", "all.jsonl")
        monkeypatch.setattr(encoder, "encode", whole)
        report = bring(run, "all.jsonl")
        assert report["unchanged"] >= 1 and report["unchanged"] + report["indexed"] == 4
        assert fields(rows()) == before

    def test_an_export_that_was_cut_off_is_imported_and_said_to_be(
        self, run: Run, store_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run("export", "all.jsonl", "--images")
        lines = Path("all.jsonl").read_bytes().splitlines(keepends=True)
        elsewhere(monkeypatch, store_uri)
        for cut in (b"".join(lines[:-2]), b"".join(lines[:-1]) + lines[-1][:9], b"".join(lines[:2] + lines[3:])):
            Path("cut.jsonl").write_bytes(cut)
            report = bring(run, "cut.jsonl", "--delete-missing", status=3)
            assert "lacks its end" in report["objection"] and report["deleted"] == 0
        assert bring(run, "all.jsonl", "--delete-missing")["objection"] is None

    def test_damaged_lines_vectors_and_images_cost_themselves_alone(
        self, run: Run, encoder: FakeEncoder, store_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run("export", "all.jsonl", "--images", "--vectors")
        head, *products, end = map(json.loads, Path("all.jsonl").read_bytes().splitlines())
        wordless, first, _ = products
        damaged, lost = (Path("images", key[:2], key) for key in first["images"])
        damaged.write_bytes(png("red"))
        lost.unlink()
        wordless["vectors"] = ["AAAA"]
        spoiled = [head, *products, {**first, "price": -1}, {**wordless, "title": "again"}, {"id": 3}]
        lines = [*spoiled, {**end, "products": 6}]
        Path("all.jsonl").write_text("\n".join(map(json.dumps, lines)))
        elsewhere(monkeypatch, store_uri)
        encoder.seen.clear()
        report = bring(run, "all.jsonl", status=3)
        rejects = [json.loads(line) for line in Path("all.jsonl.rejects.jsonl").read_text().splitlines()]
        assert sorted(reject["reason"][:27] for reject in rejects) == [
            "the id is that of line 2",
            "the image file is damaged: ",
            "the image is neither in the",
            "the line is not a product o",
            "the line is not a product o",
        ]
        assert report["objection"] is None and report["indexed"] == 2
        assert [query.text for query in encoder.seen] == ["No image"], "a damaged vector is made again"

    def test_without_a_folder_images_are_those_of_the_image_store(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = fields(rows())
        run("export", "all.jsonl")
        monkeypatch.setenv("WITHTHIS_STORE_URI", "exact:new.jsonl")
        assert bring(run, "all.jsonl")["indexed"] == 4
        assert fields(rows()) == before

    def test_a_lost_image_is_told_and_a_second_backup_copies_what_is_new(self, run: Run) -> None:
        run("export", "all.jsonl", "--images")
        lost = next(Path(".withthis").rglob("originals/*/*.png"))
        lost.unlink()
        Path("images", lost.parent.name, lost.name).unlink()
        result = run("export", "all.jsonl", "--images", "--json")
        assert (result.exit_code, json.loads(result.stdout)["lost"]) == (3, 1)
        assert json.loads(result.stdout)["present"] == 2

    def test_other_files_are_no_exports_and_standard_output_holds_one(self, run: Run, capfdbinary: Any) -> None:
        with pytest.raises(FeedError, match="withthis index"):
            run("import", "feed.jsonl")
        run("export", "all.jsonl")
        assert run("index", "all.jsonl").exit_code == 0
        with pytest.raises(FeedError, match="read as it is"):
            run("index", "all.jsonl", "--column", "title=name")
        Path("newer.jsonl").write_text('{"withthis_export": 2}\n')
        with pytest.raises(FeedError, match="newer version"):
            run("import", "newer.jsonl")
        piped = run("export", "-", "--filter", '{"id": {"eq": "p3"}}').stdout_bytes.splitlines()
        assert [json.loads(line).get("id") for line in piped] == [None, "p3", None]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A service with twenty products."""
    with live(make_shop(tmp_path / "live")) as address:
        yield address


def test_a_service_is_exported_and_brought_into_another_one(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = CliRunner()
    result = typed.invoke(app, ["export", "all.jsonl", "--url", url, "--images", "--vectors", "--json"])
    assert json.loads(result.stdout) == {"products": 20, "copied": 20, "present": 0, "lost": 0}
    assert len(list(Path("images").rglob("*.png"))) == 20
    other = make_shop(tmp_path / "other", products=0)
    with live(other) as there:
        sent = typed.invoke(app, ["import", "all.jsonl", "--url", there, "--json"])
        assert json.loads(sent.stdout)["created"] == 20, sent.stderr
    assert other.store.get("p7")[0].product.title == "Product 7"


def test_a_batch_is_sent_before_the_next_one_is_read() -> None:
    events: list[str] = []

    def batches() -> Iterator[list[bytes]]:
        for number in range(3):
            events.append(f"read {number}")
            yield [b"{}\n"]

    async def send(message: Any) -> None:
        if message.get("body"):
            events.append("sent")

    async def run() -> None:
        room = Admission(concurrency=1, queue=0, wait_s=30, retry_after_s=1)
        await ExportStream(batches(), room)._answer(send)

    anyio.run(run)
    assert events == ["read 0", "sent", "read 1", "sent", "read 2", "sent"]


def test_an_export_that_breaks_off_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(exporting, "_BATCH", 4)
    shop = make_shop(tmp_path / "live")
    whole = shop.store.products

    def fail(ids: Sequence[str]) -> dict[str, list[Record]]:
        if "p5" in ids:
            raise StoreUnavailable
        return whole(ids)

    monkeypatch.setattr(shop.store, "products", fail)
    with live(shop) as url, pytest.raises(ServiceError):
        CliRunner().invoke(app, ["export", "all.jsonl", "--url", url], catch_exceptions=False)
    assert list(tmp_path.glob("*.jsonl")) == []
    assert ImageStore(tmp_path / "live").holds_many() is False
