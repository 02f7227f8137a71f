"""What was acknowledged is there: after a full disk, however the process ends after it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from service.build import open_store
from service.errors import StoreFull
from service.settings import Settings
from service.stores.milvus.milvus_store import MilvusStore
from tests.disks import SmallDisk, small_disk
from tests.integration.records import INFO, record, unit

ROOT = Path(__file__).parents[2]


def acknowledged(lines: list[str]) -> set[str]:
    """The products that are there after these lines; those with a minus were deleted."""
    found: set[str] = set()
    for line in lines:
        found = found - {line[1:]} if line.startswith("-") else found | {line}
    return found


@pytest.mark.parametrize("end", ["close", str(int(signal.SIGKILL)), str(int(signal.SIGTERM))])
@pytest.mark.parametrize("place", ["milvus.db", "exact:store.jsonl"])
def test_acknowledged_rows_outlive_a_full_disk_and_any_end(tmp_path: Path, place: str, end: str) -> None:
    scheme, _, name = place.rpartition(":")
    uri = f"{scheme}{':' if scheme else ''}{tmp_path / name}"
    command = [sys.executable, "-m", "tests.integration.durable_entry", uri, end]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == (0 if end == "close" else -int(end)), done.stderr
    products = acknowledged(done.stdout.split())
    assert len(products) == 19
    store = open_store(Settings(_env_file=None, store_uri=uri))
    try:
        store.ensure(INFO)
        assert {state.id for page in store.scan() for state in page} == {f"{product}#0" for product in products}
        assert {hit.product_id for hit in store.search(unit(0), limit=30)} == products
    finally:
        store.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of its own."""
    with small_disk(tmp_path / "disk", 96) as found:
        if found is None:
            pytest.skip("no disk can be mounted here")
        yield found


@pytest.mark.parametrize("reserve", [None, 1])
@pytest.mark.parametrize("place", ["milvus.db", "exact:store.jsonl"])
def test_a_full_disk_refuses_writes_and_searches_go_on(
    disk: SmallDisk, place: str, reserve: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reserve and, as if it were gone before it was seen, without: then a write breaks off in the middle."""
    if reserve is not None:
        monkeypatch.setattr("service.support.disk.RESERVE_BYTES", reserve)
    scheme, _, name = place.rpartition(":")
    uri = f"{scheme}{':' if scheme else ''}{disk.folder / name}"
    store = open_store(Settings(_env_file=None, store_uri=uri))
    store.ensure(INFO)
    taken = 0
    for round in range(3):
        disk.fill(leave=40_000)
        with pytest.raises(StoreFull):
            for number in range(100):
                store.upsert([record(f"{round}-{number}", attributes={"long": "x" * 20_000})])
                taken += 1
        with suppress(StoreFull):
            store.settle()
        assert store.count() == taken == len(store.search(unit(0), limit=300))
        disk.empty()
        store.upsert([record(f"{round}-last-{number}") for number in range(20)])
        taken += 20
        store.settle()
        assert store.count() == taken
    store.close()
    store.ensure(INFO)
    assert store.count() == taken == len(store.search(unit(0), limit=300))
    store.close()


@pytest.mark.parametrize("seen", [True, False])
def test_a_collection_that_a_full_disk_kept_from_being_made_is_made_when_there_is_room(
    disk: SmallDisk, seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one, as a service starts, and a further one, as by `reindex`; that the disk is full is seen before Lite
    has made half of it, or after.
    """
    store = MilvusStore(str(disk.folder / "milvus.db"))
    store.claim()
    for make in (lambda: store.ensure(INFO), lambda: store.publish(store.beside(INFO))):
        with monkeypatch.context() as late:
            if not seen:
                late.setattr("service.support.disk.RESERVE_BYTES", 0)
            disk.fill()
            with pytest.raises(StoreFull):
                make()
        disk.empty()
        make()
        store.upsert([record("mug")])
        assert [hit.product_id for hit in store.search(unit(0), limit=9)] == ["mug"]
    store.close()


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_half_an_index_is_built_again(tmp_path: Path, share: float) -> None:
    """Lite writes its index in place; a kill or a full disk in the middle must not lock the catalog out."""
    store = open_store(Settings(_env_file=None, store_uri=str(tmp_path / "milvus.db")))
    store.ensure(INFO)
    store.upsert([record(f"p{number}", seed=number) for number in range(300)])
    store.settle()
    store.close()
    [index] = tmp_path.rglob("*.idx")
    whole = index.read_bytes()
    index.write_bytes(whole[: int(len(whole) * share)])
    store.ensure(INFO)
    assert [hit.product_id for hit in store.search(unit(7), limit=1)] == ["p7"]
    assert store.count() == 300
    store.close()
