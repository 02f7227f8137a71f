"""Every read of Milvus says how recent it must be: a server that reads its log again answers with a part otherwise."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from pymilvus import MilvusClient

from service.stores.milvus import consistency
from service.stores.milvus.consistency import Consistency
from service.stores.milvus.grouping import RowRate
from service.stores.milvus.rows import Rows
from tests.integration.records import record, unit

_NUMBERS = itertools.count()


class Client:
    """Notes the level of each question; answers with nothing."""

    def __init__(self) -> None:
        self.levels: list[str | None] = []

    def query(self, *_: object, output_fields: list[str], **options: Any) -> list[dict[str, Any]]:
        self.levels.append(options.get("consistency_level"))
        return [{"count(*)": 0}] if output_fields == ["count(*)"] else []

    def search(self, *_: object, **options: Any) -> list[list[dict[str, Any]]]:
        self.levels.append(options.get("consistency_level"))
        return [[]]

    def query_iterator(self, *_: object, **__: object) -> Client:
        return self

    def next(self) -> list[dict[str, Any]]:
        return []

    def upsert(self, *_: object, **__: object) -> None:
        """Taken."""

    def close(self) -> None:
        """Nothing is held."""


class Clock:
    """The time of this module."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(consistency, "time", clock)
    yield clock


def rows(client: Client, collection: str) -> Rows:
    level = Consistency("http://milvus", collection)
    return Rows(cast(MilvusClient, client), collection, {}, 1.0, True, level, RowRate())


READS: dict[str, Callable[[Rows], object]] = {
    "search": lambda of: of.search(unit(0), 9, None),
    "get": lambda of: of.get("p"),
    "by_id": lambda of: of.by_id(["p#0"], ["id"]),
    "states_of": lambda of: of.states_of(["p"]),
    "states": lambda of: of.states(""),
    "page": lambda of: of.page("", 9, None),
    "count": lambda of: of.count(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_reads_wait_for_the_log_and_for_own_writes(read: Callable[[Rows], object], clock: Clock) -> None:
    client, name = Client(), f"c{next(_NUMBERS)}"
    read(rows(client, name))
    assert set(client.levels) == {"Bounded"}, "there is no write of this process that `Session` could go by"
    client.levels.clear()
    rows(client, name).upsert([record("p")])
    clock.now += 9.0
    read(rows(client, name))
    assert set(client.levels) == {"Session"}
    client.levels.clear()
    clock.now += 2.0
    read(rows(client, name))
    assert set(client.levels) == {"Bounded"}


def test_a_write_to_another_collection_or_server_says_nothing(clock: Clock) -> None:
    name = f"c{next(_NUMBERS)}"
    Consistency("http://milvus", name).wrote()
    assert Consistency("http://milvus", name).level == "Session"
    assert Consistency("http://milvus", f"{name}_v2").level == "Bounded"
    assert Consistency("http://other", name).level == "Bounded"
