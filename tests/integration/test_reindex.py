"""Reindexing while others search and write."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymilvus import MilvusClient

from rerank.query import Query
from service.catalog.document_form import IMAGE_ONLY
from service.catalog.reindex import reindex
from service.encoders.encoder import Embeddings
from service.errors import EncoderMismatch, StoreUnavailable
from service.images.store.image_store import ImageStore
from service.stores.milvus.lite import lite_folder
from service.stores.milvus.milvus_store import MilvusStore
from service.stores.store import Record, VersionedStore
from tests.fakes import FakeEncoder, png
from tests.integration.conftest import WAITS_ON_THE_SERVER, MakeStore
from tests.integration.records import record, unit, with_fields

SOME_ON_THE_SERVER = ["memory", "file", "lite", WAITS_ON_THE_SERVER]


class OtherEncoder(FakeEncoder):
    """Other weights: every vector turned around. May be told to fail after some batches."""

    info = replace(FakeEncoder.info, fingerprint="fake-2")

    def __init__(self, batches: float = float("inf")) -> None:
        super().__init__()
        self.left = batches

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        found = super().encode(queries)
        return Embeddings(-found.vectors, found.truncated)


@pytest.fixture
def images(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def fill(store: VersionedStore, images: ImageStore, count: int = 40) -> list[Record]:
    """Rows as an ingest leaves them."""
    store.ensure(FakeEncoder.info)
    rows = []
    for number in range(count):
        key = images.put(png(f"rgb({number}, 10, 10)"))
        vector = FakeEncoder().encode([Query(image=images.open(key).image)]).vectors[0]
        rows.append(replace(record(f"p{number}", image_key=key, attributes={"n": number}), vector=vector))
    store.upsert(rows)
    return rows


def test_another_encoder_makes_all_vectors_again(make_store: MakeStore, images: ImageStore) -> None:
    store = make_store()
    rows = fill(store, images)
    told: list[tuple[int, int]] = []
    report = reindex(
        store,
        OtherEncoder(),
        images,
        document=IMAGE_ONLY,
        batch=16,
        workers=1,
        notice_s=0,
        progress=lambda *state: told.append(state),
    )
    assert (report.encoded, report.copied, report.kept, report.without_picture) == (40, 0, 0, 0)
    assert told == [(16, 40), (32, 40), (40, 40)]
    store.ensure(OtherEncoder.info)
    with pytest.raises(EncoderMismatch):
        store.ensure(FakeEncoder.info)
    for before in rows[::13]:
        [after] = store.get(before.product_id)
        assert np.allclose(after.vector, -before.vector, atol=1e-6)
        assert (after.product.attributes, after.content_hash, after.product.image_key) == (
            before.product.attributes,
            before.content_hash,
            before.product.image_key,
        )
    assert store.count() == 40 and store.search(-rows[5].vector, limit=1)[0].product_id == "p5"


@pytest.mark.parametrize("make_store", SOME_ON_THE_SERVER, indirect=True)
def test_the_same_encoder_copies_vectors(make_store: MakeStore, images: ImageStore) -> None:
    store, encoder = make_store(), FakeEncoder()
    rows = fill(store, images)
    for _ in range(2):
        report = reindex(store, encoder, images, document=IMAGE_ONLY, notice_s=0)
        assert (report.copied, report.encoded) == (40, 0) and encoder.seen == []
    assert store.count() == 40 and np.array_equal(store.get("p7")[0].vector, rows[7].vector)


@pytest.mark.parametrize("make_store", SOME_ON_THE_SERVER, indirect=True)
def test_a_lost_image_stops_the_switch_unless_told_otherwise(make_store: MakeStore, images: ImageStore) -> None:
    store = make_store()
    rows = fill(store, images, 5)
    store.upsert([with_fields(rows[2], image_key="0" * 64 + ".png")])
    with pytest.raises(StoreUnavailable, match=r"images of 1 rows.*--drop-missing"):
        reindex(store, OtherEncoder(), images, document=IMAGE_ONLY, notice_s=0)
    store.ensure(FakeEncoder.info)
    assert store.count() == 5
    report = reindex(store, OtherEncoder(), images, document=IMAGE_ONLY, notice_s=0, drop_missing=True)
    assert (report.without_picture, store.count()) == (1, 4)


def test_nothing_to_reindex(make_store: MakeStore, images: ImageStore) -> None:
    with pytest.raises(StoreUnavailable, match="withthis index"):
        reindex(make_store(), FakeEncoder(), images, document=IMAGE_ONLY)


@pytest.mark.parametrize("make_store", ["file", "lite"], indirect=True)
def test_an_interrupted_run_goes_on_and_takes_over_what_changed(make_store: MakeStore, images: ImageStore) -> None:
    store = make_store()
    rows = fill(store, images)
    with pytest.raises(KeyboardInterrupt):
        reindex(store, OtherEncoder(batches=2), images, document=IMAGE_ONLY, batch=10, notice_s=0)
    store.upsert([replace(with_fields(rows[0], title="New"), content_hash="changed", updated_at=9)])
    store.delete(["p1"])
    report = reindex(store, OtherEncoder(), images, document=IMAGE_ONLY, batch=10, notice_s=0)
    assert (report.kept, report.encoded) == (18, 21)
    assert store.count() == 39 and store.get("p0")[0].product.title == "New" and store.get("p1") == []


class Crowd:
    """Threads that search, one that writes and deletes; everything that goes wrong is kept."""

    def __init__(self, stores: list[VersionedStore], writer: VersionedStore) -> None:
        self.searches = 0
        self.faults: list[object] = []
        self.written: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._search, args=(store,)) for store in stores]
        self._threads.append(threading.Thread(target=self._write, args=(writer,)))

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _search(self, store: VersionedStore) -> None:
        while not self._stop.is_set():
            try:
                found = len(store.search(unit(1), limit=9))
            except Exception as error:  # every kind of fault is to be seen
                self.faults.append(error.__cause__ or error)
            else:
                self.searches += 1
                if found != 9:
                    self.faults.append(found)

    def _write(self, store: VersionedStore) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            name = f"new{number}"
            try:
                store.upsert([record(name, updated_at=number)])
            except Exception as error:
                self.faults.append(error.__cause__ or error)
            self.written.append(name)
            time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("make_store", ["lite", WAITS_ON_THE_SERVER], indirect=True)
def test_searches_never_fail_and_no_write_is_lost(make_store: MakeStore, images: ImageStore) -> None:
    """Other stores, as other processes have them, search and write while versions come and go."""
    store, *others = (make_store() for _ in range(4))
    fill(store, images)
    for other in others:
        other.ensure(FakeEncoder.info)
    with Crowd(others[:2], others[2]) as crowd:
        for _ in range(3):
            reindex(store, FakeEncoder(), images, document=IMAGE_ONLY)
    assert crowd.faults == [] and crowd.searches > 50
    time.sleep(1.5)
    rows = {state.id for page in store.scan() for state in page}
    assert rows == {f"p{n}#0" for n in range(40)} | {f"{name}#0" for name in crowd.written}


@pytest.mark.slow
@pytest.mark.parametrize("make_store", ["lite", "server"], indirect=True)
def test_services_with_the_old_encoder_go_on_while_the_old_version_is_kept(
    make_store: MakeStore, images: ImageStore
) -> None:
    store, old = make_store(), make_store()
    fill(store, images)
    old.ensure(FakeEncoder.info)
    reindex(store, OtherEncoder(), images, document=IMAGE_ONLY, notice_s=0, keep_old=True)
    time.sleep(1.2)
    assert len(old.search(unit(0), limit=9)) == 9
    store.drop_others()
    with pytest.raises(EncoderMismatch):
        old.search(unit(0), limit=9)


def test_a_collection_of_before_there_were_versions(tmp_path: Path, images: ImageStore) -> None:
    """It has the name itself, and becomes the first version when it is replaced; also after a crash in between."""
    uri = str(tmp_path / "milvus.db")
    store = MilvusStore(uri)
    fill(store, images)
    client = MilvusClient(lite_folder(uri).address())
    client.drop_alias("products")
    client.rename_collection("products_v1", "products")
    store = MilvusStore(uri)
    assert store.count() == 40 and store.search(unit(0), limit=1)
    reindex(store, FakeEncoder(), images, document=IMAGE_ONLY, notice_s=0, keep_old=True)
    assert sorted(client.list_collections()) == ["products_v1", "products_v2"] and store.count() == 40
    client.drop_collection("products_v1")
    client.drop_alias("products")
    client.rename_collection("products_v2", "products_v1")
    assert MilvusStore(uri).count() == 40
    client.close()
    store.close()
