"""The exact store's file and its filters; what all stores do is in tests/integration/test_stores.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from service.build import open_store
from service.errors import ConfigurationError, FilterError, StoreLocked, StoreUnavailable
from service.settings import load_settings
from service.stores.exact.exact_store import ExactStore
from service.stores.filter_evaluation import matches
from service.stores.filters import Filter, parse_filter
from tests.integration.records import INFO, record, unit


def opened(path: Path) -> ExactStore:
    store = ExactStore(path)
    store.ensure(INFO)
    return store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A place for a file."""
    return tmp_path / "new folder" / "store.jsonl"


def test_rows_survive_closing_and_the_file_stays_small(path: Path) -> None:
    store = opened(path)
    rows = [record(f"p{number}", seed=number, attributes={"colour": "réd\n"}) for number in range(20)]
    for _ in range(5):
        store.upsert(rows)
    store.delete(["p3"])
    before = path.stat().st_size
    store.close()
    assert path.stat().st_size < before / 3
    store = opened(path)
    assert store.count() == 19 and store.get("p3") == []
    [found] = store.get("p4")
    assert np.array_equal(found.vector, rows[4].vector) and found.product.attributes == {"colour": "réd\n"}
    assert [hit.product_id for hit in store.search(unit(7), limit=1)] == ["p7"]
    store.close()


def test_a_crash_at_any_byte_loses_at_most_the_last_write(path: Path) -> None:
    store = opened(path)
    store.upsert([record("a")])
    first = path.stat().st_size
    store.upsert([record("b")])
    store.close()
    whole = path.read_bytes()
    for end in (*range(0, 60, 7), first - 1, first, first + 1, len(whole) - 1):
        path.write_bytes(whole[:end])
        store = opened(path)
        expected = 0 if end < first else 1
        assert store.count() == expected
        store.upsert([record("c")])
        store.close()
        store = opened(path)
        assert store.count() == expected + 1
        store.close()


@pytest.mark.parametrize("content", [b"id,title\n", b"id,title", b'{"a": 1}\n', b"[]\n", b"\xff\n"])
def test_another_file_is_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match="Choose another file"):
        ExactStore(path).ping()
    assert path.read_bytes() == content


def test_damage_in_the_middle_is_not_taken_for_a_crash(path: Path) -> None:
    store = opened(path)
    store.upsert([record("a"), record("b")])
    store.close()
    damaged = path.read_bytes().replace(b'{"put"', b'{"p\xfft"', 1)
    path.write_bytes(damaged)
    with pytest.raises(StoreUnavailable):
        ExactStore(path).count()
    assert path.read_bytes() == damaged


def test_a_file_belongs_to_one_holder_and_is_free_after_a_kill(path: Path) -> None:
    store = opened(path)
    with pytest.raises(StoreLocked):
        ExactStore(path).ping()
    store.close()
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom service.stores.exact.exact_store import ExactStore\n"
        "ExactStore(Path(sys.argv[1])).ping()\nos.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == -9
    store.ping()
    store.close()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="WITHTHIS_STORE_URI"):
        ExactStore(tmp_path / "file" / "store.jsonl").ping()


def test_a_version_in_a_file_is_renamed_into_place(path: Path) -> None:
    store = opened(path)
    store.upsert([record("old")])
    beside = store.beside(INFO)
    beside.upsert([record("new")])
    store.publish(beside)
    store.upsert([record("later")])
    store.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    store = opened(path)
    assert {state.id for page in store.scan() for state in page} == {"new#0", "later#0"}
    store.close()


def test_true_is_not_one() -> None:
    rows = [record("yes", attributes={"x": True}), record("one", attributes={"x": 1})]
    for wanted, expected in ((True, "yes"), (1, "one"), (1.0, "one")):
        for data in ({"x": {"eq": wanted}}, {"x": {"in": [wanted, "z"]}}):
            found = [row.product_id for row in rows if matches(parse_filter({"attributes": data}), row.product)]
            assert found == [expected]
    positive = parse_filter({"attributes": {"x": {"gt": 0}}})
    assert [row.product_id for row in rows if matches(positive, row.product)] == ["one"]


def test_a_blank_text_field_is_none() -> None:
    row = record("a", title="", category=None).product
    for data in ({"title": {"eq": None}}, {"title": {"eq": ""}}, {"category": {"in": ["", "x"]}}):
        assert matches(parse_filter(data), row) and not matches(parse_filter({"not": data}), row)


def test_a_filter_that_no_store_takes_is_refused(path: Path) -> None:
    data: dict[str, object] = {"category": {"eq": "a"}}
    for _ in range(20):
        data = {"not": data}
    store = opened(path)
    with pytest.raises(FilterError):
        store.search(unit(0), limit=1, filter=Filter.model_validate(data))
    store.close()


def test_addresses_lead_to_stores(tmp_path: Path) -> None:
    memory = open_store(load_settings(store_uri="exact:"))
    named = open_store(load_settings(store_uri=f"exact:{tmp_path / 'a.jsonl'}"))
    for store in (memory, named):
        store.ensure(INFO)
        store.close()
    assert (tmp_path / "a.jsonl").exists()
    assert type(open_store(load_settings(data_dir=tmp_path))).__name__ == "MilvusStore"
    with pytest.raises(ConfigurationError, match="exact:PATH"):
        load_settings(store_uri="sqlite:x")
