"""`withthis index FEED --url`: a feed goes into a store that a running service has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.cli.client import ServiceError
from tests.fakes import Shop, make_shop, png
from tests.integration.live import live


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """An empty shop."""
    return make_shop(tmp_path / "shop", products=0)


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    """Its service."""
    with live(shop) as address:
        yield address


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two products, one with two images on lines apart, and three lines that cannot be used."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        Path(f"{name}.png").write_bytes(png(f"rgb({ord(name)}, 0, 0)"))
    Path("notes.png").write_text("no image")
    lines = (
        "1,Mug,7.5,a.png",
        "2,Cap,,b.png",
        "1,Mug,7.5,c.png",
        "3,Lost,,nowhere.png",
        "4,Text,,notes.png",
        ",,,a.png",
    )
    path = Path("feed.csv")
    path.write_text("\n".join(("id,title,price,image", *lines)) + "\n")
    return path


def send(feed: Path, url: str, *options: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["index", str(feed), "--url", url, "--json", *options], catch_exceptions=False)
    report: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (3 if report["rejected"] else 0)
    return {name: report[name] for name in ("created", "updated", "unchanged", "rejected", "deleted")}


def test_products_are_sent_whole_and_again_without_change(shop: Shop, url: str, feed: Path) -> None:
    assert send(feed, url) == {"created": 2, "updated": 0, "unchanged": 0, "rejected": 3, "deleted": 0}
    rows = {row.id: (row.product.title, row.product.price) for row in shop.store.rows.values()}
    assert rows == {"1#0": ("Mug", 7.5), "1#1": ("Mug", 7.5), "2#0": ("Cap", None)}
    rejects = [json.loads(line) for line in Path("feed.csv.rejects.jsonl").read_text().splitlines()]
    reasons = {reject["line"]: reject["reason"] for reject in rejects}
    assert "missing" in reasons[5] and "JPEG, PNG or WebP" in reasons[6] and "id" in reasons[7]
    assert send(feed, url) == {"created": 0, "updated": 0, "unchanged": 2, "rejected": 3, "deleted": 0}
    feed.write_text(feed.read_text().replace("Cap", "Red cap"))
    assert send(feed, url)["updated"] == 1


def test_what_the_feed_no_longer_has_is_deleted_there(shop: Shop, url: str, feed: Path) -> None:
    send(feed, url)
    feed.write_text("id,title,image\n1,Mug,a.png\n")
    report = send(feed, url, "--delete-missing")
    assert (report["updated"], report["deleted"]) == (1, 1)
    assert {row.product_id for row in shop.store.rows.values()} == {"1"}


def test_a_service_that_is_away_ends_the_run(feed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.cli.send_feed.RETRIES", 0)
    with pytest.raises(ServiceError):
        send(feed, "http://127.0.0.1:1")
