"""`GET /v1/images/{key}`: thumbnails, caches, and an image store that is away."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from PIL import Image

from service.images.store.image_store import THUMBNAIL_SIDES, ImageStore
from tests.conftest import open_client
from tests.fakes import Shop, make_shop, png

Client = TestClient[Any]


@pytest.fixture
def key(shop: Shop) -> str:
    """An image that is larger than the largest thumbnail."""
    return shop.images.put(png("green", (1200, 600)))


@pytest.mark.parametrize("size", [None, *THUMBNAIL_SIDES])
def test_each_size_has_its_own_tag_and_is_kept_for_ever(client: Client, key: str, size: int | None) -> None:
    params = {"size": size} if size else {}
    first = client.get(f"/v1/images/{key}", params=params)
    assert first.headers["content-type"] == ("image/jpeg" if size else "image/png")
    assert "immutable" in first.headers["cache-control"] and (str(size) in first.headers["etag"]) == bool(size)
    with Image.open(io.BytesIO(first.content)) as image:
        assert image.size == ((size, size // 2) if size else (1200, 600))
    tag = first.headers["etag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}'):
        again = client.get(f"/v1/images/{key}", params=params, headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(f"/v1/images/{key}", params=params, headers={"If-None-Match": '"x"'}).status_code == 200


def test_a_tag_makes_no_image_of_what_is_no_key(client: Client) -> None:
    assert client.get("/v1/images/x", headers={"If-None-Match": '"x"'}).status_code == 404


@pytest.mark.parametrize("damage", [None, b"", b"x", b"garbage" * 20])
def test_a_lost_or_damaged_file_is_never_promised_and_comes_back_with_its_product(
    shop: Shop, client: Client, damage: bytes | None
) -> None:
    image = png("teal", (300, 200))

    def put() -> Any:
        return client.put("/v1/products", files={"image": ("a.png", image), "product": (None, '{"id": "new"}')})

    assert put().json()["results"][0]["status"] == "created"
    key = ImageStore.key(image)
    path = shop.settings.data_dir / "images" / "originals" / key[:2] / key
    path.unlink() if damage is None else path.write_bytes(damage)
    for params in ({}, {"size": 128}):
        answer = client.get(f"/v1/images/{key}", params=params)
        assert answer.status_code == (404 if damage is None else 503)
        assert damage is None or answer.json()["type"] == "urn:withthis:problem:image-damaged"
        assert answer.headers["cache-control"] == "no-store" and "etag" not in answer.headers
    assert put().json()["results"][0]["status"] == "unchanged"
    assert client.get(f"/v1/images/{key}").content == image


def test_searches_answer_while_the_image_store_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = ImageStore(f"memory://{tmp_path}")
    shop = make_shop(tmp_path, images=away)
    key = next(iter(shop.store.rows.values())).product.image_key

    monkeypatch.setattr(away._blobs, "_fs", _Dead())
    with open_client(shop) as client:
        answer = client.post("/v1/search", json={"text": "a mug"})
        assert answer.status_code == 200 and answer.json()["rerank"]["applied"]
        assert all(candidate.image is None for candidate in shop.strategy.calls[0][1])
        refused = client.get(f"/v1/images/{key}")
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:withthis:problem:image-store-unavailable")
        assert "10.0.0.7" not in refused.text
        put = client.put("/v1/products", files={"image": ("a.png", png("blue")), "product": (None, '{"id": "new"}')})
        assert put.status_code == 503 and "new#0" not in shop.store.rows
        assert client.get("/healthz").status_code == 200


class _Dead:
    """A file system whose every call fails."""

    async_impl = False

    def __getattr__(self, name: str) -> Any:
        def fail(*_: object, **__: object) -> None:
            raise ConnectionError("10.0.0.7")

        return fail
