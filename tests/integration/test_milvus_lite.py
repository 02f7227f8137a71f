"""What is special about Milvus Lite; what all stores do is in test_stores.py."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from service.build import open_store
from service.catalog.document_form import IMAGE_ONLY
from service.catalog.documents import Documents
from service.catalog.products import SETTLE_ROWS, ProductInput, Products
from service.errors import (
    ConfigurationError,
    EncoderMismatch,
    StoreLocked,
    StoreUnavailable,
    StoreUnusable,
)
from service.images.decode import ImageLimits
from service.images.sources import ImageLoader, UploadedImage
from service.images.store.image_store import ImageStore
from service.product import Product
from service.search.hybrid import hybrid_search
from service.search.lexical.catalog_words import CatalogWords
from service.search.retrieval_types import HybridOptions
from service.settings import Settings
from service.stores.filters import Filter, parse_filter
from service.stores.milvus import filter_compiler
from service.stores.milvus.lite import lite_folder
from service.stores.milvus.milvus_store import MilvusStore
from service.stores.milvus.versions import Versions
from service.stores.store import Record
from tests.fakes import FakeEncoder, png
from tests.integration.records import DIMENSION, INFO, record, unit

INDEX_TYPES = ["AUTOINDEX", "HNSW", "IVF_FLAT", "FLAT"]


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A place for a store."""
    return str(tmp_path / "new folder" / "milvus.db")


@pytest.fixture
def store(uri: str) -> Iterator[MilvusStore]:
    """An empty store, ready for rows."""
    opened = MilvusStore(uri)
    opened.ensure(INFO)
    yield opened
    opened.close()


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_always_as_many_products_as_there_are(uri: str, index_type: str) -> None:
    """One product with 400 images next to the query must not push others out, before and after a flush."""
    near = [record("big", number, seed=1) for number in range(400)]
    others = [record(f"p{number}", seed=number, category="rare" if number < 3 else "odd") for number in range(40)]
    rare = parse_filter({"category": {"eq": "rare"}})
    for round in range(2):
        store = MilvusStore(uri, index_type=index_type, search_params={"nprobe": 1} if index_type == "IVF_FLAT" else {})
        store.ensure(INFO)
        if round == 0:
            store.upsert(near + others)
        for limit, count in ((1, 1), (2, 2), (9, 9), (41, 41), (100, 41)):
            products = [hit.product_id for hit in store.search(unit(1), limit=limit)]
            assert len(products) == len(set(products)) == count
        assert {hit.product_id for hit in store.search(unit(30), limit=9, filter=rare)} == {"p0", "p1", "p2"}
        assert store.search(unit(1), limit=3, filter=parse_filter({"category": {"eq": "none"}})) == []
        store.close()


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_the_index_is_explicit(uri: str, index_type: str) -> None:
    store = MilvusStore(uri, index_type=index_type)
    store.ensure(INFO)
    client = MilvusClient(lite_folder(uri).address())
    index = client.describe_index("products", "vector")
    assert (index["index_type"], index["metric_type"]) == (index_type, "COSINE")
    client.close()
    store.close()


def test_a_collection_from_before_booleans_were_told_from_numbers(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are as they were, where Lite takes true for 1; filters are decided here and tell them apart."""
    old = MilvusStore(uri)
    monkeypatch.setattr(Versions, "is_typed", lambda *_: False)
    old.ensure(INFO)
    old.upsert([record("yes", attributes={"x": True, "y": [True]}), record("one", attributes={"x": 1, "y": [1]})])
    assert _found(old, {"x": {"eq": True}}) == _found(old, {"y": {"contains": True}}) == ["yes"]
    old.close()


def test_filters_by_attributes_follow_every_change(
    store: MilvusStore, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its columns are read, no condition is left to Lite, which would parse every row's JSON."""
    red, size = {"colour": {"eq": "red"}}, {"size": {"gt": 2}}
    store.upsert([record(name, attributes={"colour": color}) for name, color in (("a", "red"), ("b", "blue"))])
    monkeypatch.setattr(filter_compiler, "_compare", _fail)
    assert [product.id for product in store.matching(_by(red), most=9) or ()] == ["a"]
    store.upsert([record("b", attributes={"colour": "red", "size": 3}), record("c", attributes={"colour": "green"})])
    assert _found(store, red) == ["a", "b"] and _found(store, size) == ["b"]
    assert _found(store, {"colour": {"ne": "red"}}) == ["c"]
    store.delete(["a"])
    store.settle()
    assert _found(store, red) == ["b"]
    assert [product.id for _, product in store.page(after="", limit=9, filter=_by(red))] == ["b"]
    assert [product.id for product in store.matching(_by(red), most=9) or ()] == ["b"]
    store.close()
    other = MilvusStore(uri)
    other.ensure(INFO)
    other.upsert([record("d", attributes={"colour": "red"})])
    assert _found(store, red) == _found(other, red) == ["b", "d"]


def test_a_write_that_failed_leaves_nothing_to_be_trusted(store: MilvusStore, monkeypatch: pytest.MonkeyPatch) -> None:
    red = {"colour": {"eq": "red"}}
    store.upsert([record("a", attributes={"colour": "red"})])
    assert _found(store, red) == ["a"]
    write = MilvusClient.upsert

    def half(client: MilvusClient, *rest: Any, **more: Any) -> None:
        write(client, *rest, **more)
        raise MilvusException(message="it may have been written")

    with monkeypatch.context() as failing:
        failing.setattr(MilvusClient, "upsert", half)
        with pytest.raises(StoreUnavailable):
            store.upsert([record("b", attributes={"colour": "red"})])
    assert _found(store, red) == ["a", "b"]


def test_a_new_version_does_not_inherit_the_attributes_of_a_dropped_one(store: MilvusStore) -> None:
    red = {"colour": {"eq": "red"}}
    store.upsert([record("a", attributes={"colour": "red"})])
    assert _found(store, red) == ["a"]
    beside = store.beside(INFO)
    beside.upsert([record("b", attributes={"colour": "red"})])
    assert [hit.product_id for hit in beside.search(unit(0), limit=9, filter=_by(red))] == ["b"]
    store.publish(beside)
    assert _found(store, red) == ["b"]


def _by(attributes: dict[str, Any]) -> Filter:
    return parse_filter({"attributes": attributes})


def _found(store: MilvusStore, attributes: dict[str, Any]) -> list[str]:
    return sorted(hit.product_id for hit in store.search(unit(0), limit=9, filter=_by(attributes)))


def _fail(*_: Any) -> str:
    raise AssertionError("a condition was left to Lite")


def test_an_index_that_a_crash_has_kept_from_being_made_is_made(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MilvusStore(uri)
    with monkeypatch.context() as crash:
        crash.setattr(Versions, "make_ready", lambda *_: None)
        store.ensure(INFO)
    store.close()
    store.ensure(INFO)
    store.upsert([record("mug", title="Red mug")])
    assert [hit.product_id for hit in store.search(unit(0), limit=1)] == ["mug"]
    store.close()


def test_a_collection_that_a_kill_has_kept_from_being_made_is_made(uri: str) -> None:
    half = Path(uri) / "collections" / "products_v1"
    half.mkdir(parents=True)
    (half / "schema.json.tmp").write_text('{"collection_')
    others = half.with_name("products_v2")
    others.mkdir()
    (others / "kept").write_text("nobody can tell what this was")
    store = MilvusStore(uri)
    store.ensure(INFO)
    store.upsert([record("mug")])
    assert store.count() == 1 and (others / "kept").exists()
    store.close()


def test_rows_survive_closing(uri: str, store: MilvusStore) -> None:
    store.upsert([record("a")])
    store.close()
    assert store.count() == 1  # opens again by itself
    store.ensure(INFO)
    assert len(store.search(unit(0), limit=1)) == 1


def test_another_encoder_is_refused(store: MilvusStore) -> None:
    store.ensure(INFO)
    for other in (replace(INFO, fingerprint="fake-2"), replace(INFO, id="other")):
        with pytest.raises(EncoderMismatch, match=r"built with the encoder 'fake'.*Restore WITHTHIS_ENCODER"):
            store.ensure(other)


def test_a_foreign_collection_is_left_alone(uri: str, store: MilvusStore) -> None:
    client = MilvusClient(lite_folder(uri).address())
    client.create_collection("theirs", dimension=DIMENSION)
    with pytest.raises(ConfigurationError, match="not created by this service"):
        MilvusStore(uri, collection="theirs").ensure(INFO)
    client.close()


def test_a_second_process_is_told_what_to_do(uri: str, store: MilvusStore) -> None:
    """Its own words, on standard output; and not a line of a traceback from the libraries."""
    script = (
        "import sys\n"
        "from service.errors import StoreLocked\n"
        "from service.stores.milvus.milvus_store import MilvusStore\n"
        "try:\n    MilvusStore(sys.argv[1]).ping()\n"
        "except StoreLocked as error:\n    print(error.detail)\n"
    )
    other = subprocess.run([sys.executable, "-c", script, uri], capture_output=True, text=True, timeout=60, check=True)
    assert other.stdout.strip() == StoreLocked.default_detail and "Traceback" not in other.stderr
    store.close()
    free = subprocess.run([sys.executable, "-c", script, uri], capture_output=True, text=True, timeout=60, check=True)
    assert free.stdout == ""


def test_a_server_that_is_down() -> None:
    store = MilvusStore("http://127.0.0.1:1", timeout_s=1)
    for ask in (store.ping, store.count, lambda: store.search(unit(0), limit=1), lambda: store.ensure(INFO)):
        with pytest.raises(StoreUnavailable) as caught:
            ask()
        assert type(caught.value) is StoreUnavailable and "127.0.0.1" not in caught.value.detail
    store.close()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="WITHTHIS_DATA_DIR"):
        MilvusStore(str(tmp_path / "file" / "milvus.db")).ping()


def test_from_settings_and_an_empty_store(tmp_path: Path) -> None:
    store = open_store(Settings(data_dir=tmp_path, collection="shop"))
    store.ping()
    assert store.count() == 0
    store.close()


def test_lites_server_is_not_asked_whether_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes pymilvus's pings, every ten seconds, for an attack, and says so on stderr ("too_many_pings")."""
    seen: list[dict[str, Any]] = []

    def connect(uri: str, **options: Any) -> MilvusClient:
        seen.append(options)
        return MilvusClient(uri, **options)

    monkeypatch.setattr("service.stores.milvus.connection.MilvusClient", connect)
    store = MilvusStore(str(tmp_path / "milvus.db"))
    store.ensure(INFO)
    store.close()
    [options] = seen
    assert options["grpc_options"]["grpc.keepalive_time_ms"] == 2**31 - 1


def test_a_database_of_lite_2_and_a_folder_that_is_closed_to_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old.db").write_bytes(b"SQLite format 3")
    with pytest.raises(StoreUnusable, match="Milvus Lite 2"):
        MilvusStore(str(tmp_path / "old.db")).ping()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr("service.stores.milvus.lite.start_server_in_thread", refuse)
    with pytest.raises(StoreUnusable, match="permissions"):
        MilvusStore(str(tmp_path / "closed.db")).ping()


def test_products_put_one_by_one_are_indexed_by_count(uri: str, store: MilvusStore, tmp_path: Path) -> None:
    image_loader = ImageLoader(ImageLimits(min_side=1))
    products = Products(
        documents=Documents(FakeEncoder(), IMAGE_ONLY),
        store=store,
        images=ImageStore(tmp_path / "images"),
        image_loader=image_loader,
    )
    sources = [UploadedImage(png(f"rgb({number}, 0, 0)")) for number in range(4)]
    items = [
        ProductInput(Product(id=f"p{number}", title="", image_key=""), sources) for number in range(SETTLE_ROWS // 4)
    ]

    def segments() -> int:
        return len(list(Path(uri).rglob("data_*.parquet")))

    products.put(items[:-1])
    assert segments() == 0
    products.put(items[-1:])
    assert segments() == 1
    products.patch("p3", {"title": "x"})
    assert segments() == 1 and products.get("p3").product.title == "x"


def test_a_hybrid_search_reads_no_product_that_is_known_to_fail_the_filter(
    store: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every title shares words with the text; thirty of four hundred products are hats."""
    rows = [record(f"p{n}", seed=n, title=f"red thing {n}", category="mug" if n % 13 else "hat") for n in range(400)]
    store.upsert(rows)
    hats = {row.product_id for row in rows if row.product.category == "hat"}
    read: list[Record] = []
    records = store.records

    def noted(keys: Sequence[str]) -> list[Record]:
        read.extend(found := records(keys))
        return found

    monkeypatch.setattr(store, "records", noted)
    matched = CatalogWords(store, ["title"]).score("red thing 13")
    given: dict[str, Any] = {"limit": 25, "wanted": 5, "filter": parse_filter({"category": {"eq": "hat"}})}
    [best, *_] = hybrid_search(store, matched, unit(1), HybridOptions(1.0), **given)
    assert best.product_id == "p13"
    assert {row.product_id for row in read} <= hats
