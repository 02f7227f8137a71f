"""Several catalogs of one service: built from settings, over one store, by commands, and with one that is not ready."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from typer.testing import CliRunner

from service.app import create_app
from service.build import ENCODERS, build_service, loading, open_store
from service.cli import app
from service.client import Client, NotFoundError
from service.errors import ConfigurationError, EncoderMismatch
from service.settings import Settings
from tests.conftest import HOME
from tests.fakes import FakeEncoder, png
from tests.integration.live import live_app
from tests.integration.test_clients_gone import sample
from tests.several_catalogs import several_catalogs
from tests.unit.rerank.fakes import FakeEngine

Run = Callable[..., Any]
OTHER = replace(FakeEncoder.info, fingerprint="another")


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of the settings lead to fakes."""
    starter = ENCODERS["starter"]
    monkeypatch.setitem(ENCODERS, "starter", replace(starter, load=lambda options: FakeEncoder()))
    monkeypatch.setattr(loading, "ENGINES", {"starter": lambda options: FakeEngine()})


@pytest.fixture
def run(fakes: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `withthis …` in an empty folder with two catalogs in one Milvus Lite file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WITHTHIS_CATALOGS", '["shoes"]')
    monkeypatch.setenv("WITHTHIS_INGEST_WORKERS", "0")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def feed(folder: Path, color: str) -> Path:
    folder.mkdir()
    (folder / f"{color}.png").write_bytes(png(color))
    return folder


def test_commands_keep_the_catalogs_of_one_milvus_lite_file_apart(run: Run, tmp_path: Path) -> None:
    assert run("index", feed(tmp_path / "a", "teal")).exit_code == 0
    assert run("index", feed(tmp_path / "b", "navy"), "--catalog", "shoes").exit_code == 0
    assert sorted(path.name for path in (tmp_path / ".withthis").glob("images/catalogs/*")) == ["shoes"]
    for catalog, id, path in (("default", "teal", "/v1"), ("shoes", "navy", "/v1/catalogs/shoes")):
        found = json.loads(run("search", "--text", "a", "--no-rerank", "--json", "--catalog", catalog).stdout)
        assert [one["product"]["id"] for one in found["results"]] == [f"{id}.png"]
        assert found["results"][0]["product"]["image_url"].startswith(f"{path}/images/")
    assert run("reindex", "--catalog", "shoes").exit_code == 0
    assert run("delete", "--all", "--yes", "--catalog", "shoes").exit_code == 0
    assert json.loads(run("gc", "--grace-hours", 0, "--catalog", "shoes", "--json").stdout)["pictures"] == 1
    left = json.loads(run("search", "--text", "a", "--no-rerank", "--json").stdout)["results"]
    assert [one["product"]["id"] for one in left] == ["teal.png"]


def shops(folder: Path, *names: str) -> Settings:
    uri = f"exact:{folder / 'rows.jsonl'}"
    return Settings(_env_file=None, data_dir=folder, store_uri=uri, catalogs=list(names))


def built_by_another(settings: Settings, catalog: str) -> None:
    """The collection of a catalog was made by another encoder."""
    store = open_store(settings.of_catalog(catalog))
    store.ensure(OTHER)
    store.close()


def test_a_catalog_that_wants_a_reindex_does_not_take_the_others_down(fakes: None, tmp_path: Path) -> None:
    settings = shops(tmp_path, "shoes", "bags")
    built_by_another(settings, "shoes")
    with (
        closing(build_service(settings)) as service,
        TestClient(create_app(settings, service), base_url=HOME) as client,
    ):
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"], ready.json()["rows"]) == (200, "partly_ready", 0)
        states = {one["name"]: one for one in ready.json()["catalogs"]}
        assert {name: one["status"] for name, one in states.items()} == {
            **{"default": "ready", "shoes": "not_ready", "bags": "ready"},
        }
        assert "another encoder" in states["shoes"]["reason"] and states["bags"]["rows"] == 0
        assert client.get("/v1/catalogs").json()["catalogs"] == ready.json()["catalogs"]
        for name, status in (("default", 200), ("shoes", 503), ("bags", 200)):
            answer = client.post(f"/v1/catalogs/{name}/search", json={"text": "a mug"})
            assert answer.status_code == status, name


def test_a_service_without_a_usable_catalog_does_not_start(fakes: None, tmp_path: Path) -> None:
    settings = shops(tmp_path, "shoes")
    for name in settings.catalog_names:
        built_by_another(settings, name)
    with pytest.raises(EncoderMismatch):
        build_service(settings)
    for name in settings.catalog_names:  # and lets go of what it had opened
        open_store(settings.of_catalog(name)).close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service of two catalogs without keys."""
    mall = several_catalogs(tmp_path_factory.mktemp("mall"), ["walrus"])
    with live_app(lambda _: create_app(mall.settings, mall.service), mall.settings) as address:
        yield address


def test_the_client_is_about_one_catalog(url: str) -> None:
    with Client(url, catalog="walrus") as walrus, Client(url) as default, Client(url, catalog="nobody") as nobody:
        first = walrus.search("a thing", limit=1).results[0].product
        assert first.id.startswith("walrus-") and first.image_url is not None
        assert walrus.image(first.image_url) and walrus.get_product(first.id).title == "Thing of walrus"
        assert [event.answer.results[0].product.title for event in walrus.search_stream("a thing")] == [
            *(["Thing of walrus"] * 2)
        ]
        assert walrus.rerank("a", ["b", "c"]).results and walrus.ready().status == "ready"
        assert {product.title for product in default.list_products()} == {"Thing of default"}
        with pytest.raises(NotFoundError):
            default.get_product(first.id)
        with pytest.raises(NotFoundError):
            nobody.search("a thing")


def test_a_feed_is_sent_to_a_catalog_that_is_known_to_the_service_alone(run: Run, url: str, tmp_path: Path) -> None:
    sent = run("index", feed(tmp_path / "c", "coral"), "--url", url, "--catalog", "walrus")
    assert sent.exit_code == 0, sent.output
    with Client(url, catalog="walrus") as walrus, Client(url) as default:
        assert walrus.get_product("coral.png")
        walrus.delete_product("coral.png")
        with pytest.raises(NotFoundError):
            default.get_product("coral.png")
    assert run("delete", "--all", "--dry-run", "--url", url, "--catalog", "walrus").exit_code == 0
    with pytest.raises(ConfigurationError, match="It can be: default, shoes"):
        run("search", "--text", "a", "--catalog", "walrus")


def test_metrics_tell_the_catalogs_apart(url: str) -> None:
    def counted(catalog: str) -> float:
        return sample(url, f'withthis_stage_seconds_count{{catalog="{catalog}",stage="total"}}')

    before = counted("default"), counted("walrus")
    with Client(url, catalog="walrus") as walrus:
        walrus.search("a thing")
    assert (counted("default"), counted("walrus")) == (before[0], before[1] + 1)
    route = 'route="/v1/catalogs/{catalog}/search"'
    assert sample(url, f'withthis_requests_total{{catalog="walrus",{route},status="200"}}') >= 1


def test_a_key_is_made_for_catalogs(run: Run) -> None:
    entry = json.loads(run("keys", "new", "--catalog", "shoes", "--catalog", "default").stdout.splitlines()[1])
    assert entry["catalogs"] == ["default", "shoes"]
    assert "catalogs" not in json.loads(run("keys", "new").stdout.splitlines()[1])
    with pytest.raises(ConfigurationError):
        run("keys", "new", "--catalog", "No Such Name")


def test_the_doctor_looks_at_every_catalog(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from service.cli import doctor  # noqa: PLC0415 (the command of this name is imported when it runs)

    monkeypatch.setattr(doctor, "CHECKS", {part: doctor.CHECKS[part] for part in ("versions", "store", "pictures")})
    found = json.loads(run("doctor", "--json").stdout)
    assert [one["part"] for one in found] == ["versions", "store", "store of shoes", "pictures", "pictures of shoes"]


@pytest.mark.parametrize("key", ["rules", "synonyms"])
def test_the_doctor_reads_the_files_of_every_catalog(run: Run, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    from service.cli import doctor  # noqa: PLC0415 (the command of this name is imported when it runs)

    monkeypatch.setattr(doctor, "CHECKS", {"files": doctor.CHECKS["files"]})
    monkeypatch.setenv("WITHTHIS_CATALOGS", json.dumps([{"name": "shoes", key: "nowhere.yaml"}]))
    found = json.loads(run("doctor", "--json").stdout)
    assert [(one["part"], one["well"]) for one in found] == [("files", True), ("files of shoes", False)]
    assert "nowhere.yaml" in found[1]["detail"]
