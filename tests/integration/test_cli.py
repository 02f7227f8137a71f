"""The commands as they are typed, over fakes; `index` writes a real Milvus Lite file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from typer.testing import CliRunner

from service.app import create_app
from service.build import assemble
from service.cli import app, main
from service.cli import demo as demo_module
from service.cli import doctor as doctor_module
from service.cli import index as index_module
from service.cli import search as search_module
from service.cli.client import ServiceClient, ServiceError
from service.cli.listening import address, listen
from service.cli.serving import serving
from service.errors import ConfigurationError, EncoderUnavailable, WithThisError
from service.images.crop import Crop
from service.images.sources import InlineImage, UploadedImage
from service.search.types import (
    CroppedImage,
    Negative,
    ProductImage,
    RerankOptions,
    SearchRequest,
    WeightedImage,
)
from service.server.state import ServiceState
from service.settings import Settings
from service.stores.filters import Filter
from tests.fakes import FakeEncoder, Shop, make_shop, png

Run = Callable[..., Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `withthis …` in an empty folder; errors of ours come out as they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def local(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """`withthis search` finds the fake shop, with parts of its own each time: it closes them."""

    def build(settings: Settings) -> ServiceState:
        rerank = shop.parts.rerank
        return ServiceState.of(
            assemble(encoder=shop.encoder, store=shop.store, images=shop.images, rerank=rerank, settings=shop.settings)
        )

    monkeypatch.setattr(search_module, "build_service", build)
    return shop


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A query image on disk."""
    path = tmp_path / "query.png"
    path.write_bytes(png())
    return path


def test_search_prints_both_orders_the_caption_and_the_reason(run: Run, local: Shop, image: Path) -> None:
    result = run("search", "--text", "a mug with this", "--image", image)
    assert result.exit_code == 0
    for expected in ("a leopard", "the last one shows it best", "as retrieved", "after reranking"):
        assert expected in result.stdout
    assert local.store.closed


def test_search_as_json_is_the_answer_of_the_api(run: Run, local: Shop) -> None:
    result = run("search", "--text", "a mug", "--limit", 4, "--filter", '{"category": {"eq": "cap"}}', "--json")
    answer = json.loads(result.stdout)
    assert [row["retrieval_rank"] for row in answer["results"]] == [9, 8, 7, 6]  # of nine candidates
    assert {row["product"]["category"] for row in answer["results"]} == {"cap"}


def test_search_sorts_groups_and_varies_here_and_by_a_service(run: Run, local: Shop) -> None:
    with served(local) as url:
        for where in ((), ("--url", url)):
            words = ("search", "--text", "a mug", "--no-rerank", *where)
            by_price = json.loads(
                run(*words, "--sort", "colour", "--sort", "price:desc", "--limit", 3, "--json").stdout
            )
            assert [row["product"]["price"] for row in by_price["results"]] == [24.0, 23.0, 22.0]
            groups = json.loads(run(*words, "--group-by", "category", "--json").stdout)["results"]
            assert sorted(row["group"]["value"] for row in groups) == ["cap", "mug"]
            plain = json.loads(run(*words, "--json").stdout)["results"]
            assert json.loads(run(*words, "--diversity", 0.1, "--json").stdout)["results"] != plain
        assert "sorted" in run(*words, "--sort", "price").stdout
        assert "and 9 more of its group" in " ".join(run(*words, "--group-by", "category").stdout.split())


def test_search_leaves_out_what_is_not_similar_enough(run: Run, local: Shop) -> None:
    words = ("search", "--text", "a mug", "--no-hybrid", "--json")
    results = json.loads(run(*words).stdout)["results"]
    least = sorted(result["scores"]["retrieval"] for result in results)[-2]
    result = run(*words, "--min-score", least)
    assert len(json.loads(result.stdout)["results"]) == 2


def test_search_by_words_and_away_from_a_text(run: Run, local: Shop) -> None:
    words = ("search", "--text", "product 7", "--no-rerank", "--json")
    plain = json.loads(run(*words, "--no-hybrid").stdout)["results"]
    hybrid = json.loads(run(*words).stdout)["results"]
    assert plain[0]["scores"]["hybrid"] is None and hybrid[0]["scores"]["hybrid"]["lexical_rank"] == 1
    assert [query.text for query in local.encoder.seen[-1:]] == ["product 7"]
    run(*words, "--negative", "red")
    assert [query.text for query in local.encoder.seen[-2:]] == ["product 7", "red"]


def test_search_by_a_region_of_an_image_and_away_from_an_image(run: Run, local: Shop, image: Path) -> None:
    words = ("search", "--image", image, "--crop", "0,0,0.5,1", "--negative-image", image, "--no-rerank", "--json")
    run(*words)
    region, whole = local.encoder.seen[-2:]
    assert region.image is not None and region.image.size == (12, 16)
    assert whole.image is not None and whole.image.size == (24, 16)


def width_of(path: Path) -> int:
    with Image.open(path) as opened:
        return opened.width


def test_search_draws_before_and_after(run: Run, local: Shop, image: Path, tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    run("search", "--text", "a mug with this", "--image", image, "--picture", path)
    reranked = width_of(path)
    run("search", "--text", "a mug with this", "--image", image, "--picture", path, "--no-rerank")
    assert reranked > width_of(path)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--image", "nowhere.png"),
        ("--image", "a.png", "--product", "p1"),
        ("--product", "nobody"),
        ("--product", "p1", "--crop", "0,0,1"),
        ("--product", "p1", "--crop", "0,0,0.5,nan"),
        ("--product", "p1", "--crop", "0.6,0,0.5,0.5"),
        ("--text", "a", "--crop", "0,0,0.5,0.5"),
        ("--text", "a", "--negative-image", "nowhere.png"),
        ("--text", "a", "--filter", "{"),
        ("--text", "a", "--filter", '{"weight": 1}'),
        ("--text", "a", "--limit", "0"),
        ("--text", "a", "--picture", "grid.unknown"),
        ("--text", "a", "--url", "http://127.0.0.1:1"),
        ("--text", "a", "--url", "no address"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    run: Run, local: Shop, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WithThisError):
        run("search", *words)
    monkeypatch.setattr(sys, "argv", ["withthis", "search", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.strip().endswith(".")


def test_index_and_index_again(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "load_patient_encoder", lambda settings: FakeEncoder())
    feed = tmp_path / "shop"
    feed.mkdir()
    for name, colour in (("a red mug", "red"), ("a blue cap", "blue")):
        (feed / f"{name}.png").write_bytes(png(colour))
    (feed / "broken.png").write_bytes(b"no picture")
    first = json.loads(run("index", feed, "--json").stdout)
    assert (first["indexed"], first["rejected"]) == (2, 1)
    again = run("index", feed)
    assert "2 unchanged" in again.stderr
    assert "shop.rejects.jsonl" in again.stderr
    assert "broken.png" in (tmp_path / "shop.rejects.jsonl").read_text()


def test_doctor_names_what_is_not_well(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHTHIS_PORT", "0")

    def missing(settings: Settings) -> str:
        raise EncoderUnavailable

    checks = {"encoder": missing, "store": doctor_module.CHECKS["store"], "port": doctor_module.CHECKS["port"]}
    monkeypatch.setattr(doctor_module, "CHECKS", checks)
    result = run("doctor", "--json")
    assert result.exit_code == 1
    assert [finding["well"] for finding in json.loads(result.stdout)] == [False, True, True]
    assert "WITHTHIS_ENCODER_PATH" in run("doctor").stdout


@pytest.mark.parametrize("part", ["versions", "device", "data folder", "files", "application", "store", "port"])
def test_the_checks_that_need_no_model_are_well_in_an_empty_folder(run: Run, part: str) -> None:
    settings = Settings(_env_file=None, port=0)
    finding = doctor_module.examine(part, doctor_module.CHECKS[part], settings)
    assert finding.well, finding.detail


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("files", {"query_adapter": "nowhere"}),
        ("files", {"interleave": {"query_adapter": "nowhere"}, "search_log": "log"}),
        ("files", {"rules": "nowhere"}),
        ("application", {"search_log": "/dev/null/nowhere"}),
    ],
)
def test_the_doctor_finds_what_keeps_a_service_from_starting(run: Run, part: str, wrong: dict[str, Any]) -> None:
    finding = doctor_module.examine(part, doctor_module.CHECKS[part], Settings(_env_file=None, **wrong))
    assert not finding.well and ("nowhere" in finding.detail or "WITHTHIS_SEARCH_LOG" in finding.detail)


def test_the_doctor_finds_a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "has_room", lambda folder: False)
    finding = doctor_module.examine("data folder", doctor_module.CHECKS["data folder"], Settings(_env_file=None))
    assert not finding.well and "Less than 16 MiB are free" in finding.detail


def test_a_port_in_use_is_explained() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(ConfigurationError, match="WITHTHIS_PORT"):
        listen("127.0.0.1", taken.getsockname()[1])


@pytest.fixture
def demo_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """`withthis demo` finds a shop that is made, and models that are fakes."""
    feed = tmp_path / "feed"
    feed.mkdir()
    (feed / "one more.png").write_bytes(png("navy"))
    shop = make_shop(tmp_path / "demo")
    monkeypatch.setattr(demo_module, "make_shop", lambda folder, products: feed)
    monkeypatch.setattr(demo_module, "build_service", lambda settings: shop.service)
    monkeypatch.setattr(demo_module, "query_image", png)
    return shop


def test_demo_indexes_serves_and_asks_the_live_service(run: Run, demo_shop: Shop) -> None:
    result = run("demo", "--no-serve", "--port", 0)
    assert result.exit_code == 0
    assert "1 indexed" in result.stderr
    assert "a leopard" in result.stdout
    assert "after reranking" in result.stdout
    assert demo_shop.store.closed


@contextmanager
def served(shop: Shop) -> Iterator[str]:
    """The service on a free port; gives its address."""
    with listen("127.0.0.1", 0) as sock, serving(create_app(shop.settings, shop.service), shop.settings, sock):
        yield address(sock)


def test_search_by_a_running_service(shop: Shop, image: Path, run: Run, tmp_path: Path) -> None:
    with served(shop) as url:
        words = ("search", "--text", "this", "--image", image, "--url", url, "--json", "--picture", "grid.png")
        answer = json.loads(run(*words).stdout)
        assert answer["query"]["caption"] == "a leopard"
        assert (tmp_path / "grid.png").exists()
        where = Filter.model_validate({"category": {"eq": "cap"}})
        uri = "data:image/png;base64,iVBORw0KGgo="
        with ServiceClient(url, shop.settings) as client:
            found = client.search(SearchRequest(text="a", filter=where, limit=3, rerank=RerankOptions(require=True)))
            assert client.search(SearchRequest(text="a", min_score=1.0)).results == []
            assert {result.product.category for result in found.results} == {"cap"}
            with pytest.raises(ServiceError, match="damaged"):
                client.search(SearchRequest(image=InlineImage(uri)))
            assert client.image("nothing") is None
            images = (
                WeightedImage(CroppedImage(UploadedImage(png()), Crop(0, 0, 0.5, 1)), 2.0),
                WeightedImage(ProductImage("p1")),
            )
            several = client.search(SearchRequest(images=images, negative=Negative(image=UploadedImage(png("teal")))))
            assert several.query.images == 2 and "p1" not in {result.product.id for result in several.results}


def test_what_a_service_refuses_is_told_in_its_own_words(
    shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(shop) as url:
        words = ("search", "--text", "a", "--limit", "0", "--url", url)
        with pytest.raises(ServiceError) as refused:
            run(*words)
        assert (refused.value.status, refused.value.title) == (400, "A field has an invalid value")
        monkeypatch.setattr(sys, "argv", ["withthis", *words])
        with pytest.raises(SystemExit):
            main()
    assert "A field has an invalid value\n/limit: Must be at least 1.\n" in capsys.readouterr().err


def test_the_version_is_shown(run: Run) -> None:
    assert run("--version").stdout == f"withthis {version('withthis')}\n"


def test_the_client_survives_a_service_that_is_something_else(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for status, content in ((200, b"<html>"), (500, b"<html>"), (502, b"[]")):
        response = httpx.Response(status, content=content)
        monkeypatch.setattr(httpx.Client, "request", lambda *_, response=response, **__: response)
        with ServiceClient("http://127.0.0.1:1", shop.settings) as client, pytest.raises(ServiceError):
            client.search(SearchRequest(text="a"))
