"""An index that shrank to nothing beside a full image store stops the service, and `gc`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service.build import assemble
from service.catalog.lost_index import check_not_lost, check_sweep
from service.errors import IndexLost
from service.images.store.image_store import FEW_IMAGES, ImageStore, Swept
from service.stores.exact.exact_store import ExactStore
from tests.conftest import open_client
from tests.fakes import make_shop
from tests.integration.records import INFO, record


def fill(folder: Path, count: int) -> ImageStore:
    """An image store with so many files."""
    for number in range(count):
        path = folder / "originals" / "ab" / f"ab{number:062x}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return ImageStore(folder)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExactStore]:
    """A store that had a product and has none."""
    store = ExactStore(tmp_path / "store.jsonl")
    store.ensure(INFO)
    store.upsert([record("a")])
    store.delete(["a"])
    yield store
    store.close()


def test_nothing_left_beside_many_images_is_a_lost_index(tmp_path: Path, store: ExactStore) -> None:
    with pytest.raises(IndexLost, match="Restore it"):
        check_not_lost(store, fill(tmp_path / "images", FEW_IMAGES + 1))
    store.upsert([record("a")])
    check_not_lost(store, ImageStore(tmp_path / "images"))


def test_a_new_index_and_a_few_images_are_no_fault(tmp_path: Path, store: ExactStore) -> None:
    check_not_lost(store, fill(tmp_path / "few", FEW_IMAGES))
    new = ExactStore(tmp_path / "new.jsonl")
    check_not_lost(new, fill(tmp_path / "many", FEW_IMAGES + 1))
    new.close()


def test_a_service_is_not_ready_and_takes_nothing_until_there_are_products(tmp_path: Path, store: ExactStore) -> None:
    images, shop = fill(tmp_path / "images", FEW_IMAGES + 1), make_shop(tmp_path / "shop", products=0)
    parts = assemble(
        encoder=shop.encoder,
        store=store,
        images=images,
        rerank=shop.parts.rerank,
        settings=shop.settings,
        may_use=lambda: check_not_lost(store, images),
    )
    with open_client(replace(shop, parts=parts)) as client:
        for answer in (client.get("/readyz"), client.delete("/v1/products/a"), client.get("/v1/products")):
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:withthis:problem:index-lost")
        assert client.get("/healthz").status_code == 200
        store.upsert([record("a")])
        assert client.get("/readyz").status_code == 200


def test_a_sweep_of_more_than_stays_is_refused() -> None:
    check_sweep(Swept(FEW_IMAGES, FEW_IMAGES, 1), used=0)
    check_sweep(Swept(500, 500, 1), used=500)
    with pytest.raises(IndexLost, match=r"900 images would be deleted and 0 are in use.*--delete-most"):
        check_sweep(Swept(900, 900, 1), used=0)
