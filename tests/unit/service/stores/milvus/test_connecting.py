"""Callers that need the connection at the same moment share one attempt to make it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymilvus.exceptions import MilvusException

from service.errors import StoreUnavailable
from service.stores.milvus import connection
from service.stores.milvus.connection import Connection
from service.stores.milvus.milvus_store import MilvusStore

URI = "http://milvus.example:19530"
CALLERS = 6


class Server:
    """Stands in for Milvus: answers a connection when it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = threading.Event()
        self.failure: Exception | None = None

    def client(self, address: str, **options: Any) -> object:
        self.asked.append(address)
        assert self.let_go.wait(30)
        if self.failure is not None:
            raise self.failure
        return object()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server of the one connection."""
    server = Server()
    monkeypatch.setattr(connection, "MilvusClient", server.client)
    return server


def together(work: Callable[[], object], server: Server) -> list[object]:
    """What callers get that all came before the server answered."""
    begun = threading.Barrier(CALLERS + 1)

    def call() -> object:
        begun.wait(30)
        try:
            return work()
        except StoreUnavailable as error:
            return type(error)

    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(call) for _ in range(CALLERS)]
        begun.wait(30)
        while not server.asked:
            assert not any(one.done() for one in calls)
        server.let_go.set()
        return [one.result(30) for one in calls]


def opened(one: Connection) -> object:
    with one.open() as client:
        return client


def test_one_client_for_all_who_come_at_once(server: Server) -> None:
    one = Connection(URI, token=None, timeout_s=1.0)
    clients = together(lambda: opened(one), server)
    assert len(set(map(id, clients))) == 1 and server.asked == [URI]
    assert one.epoch == 1


def test_a_server_that_does_not_answer_is_everybodys_failure_and_tried_again_later(server: Server) -> None:
    one, server.failure = Connection(URI, token=None, timeout_s=1.0), MilvusException(message="deadline")
    assert set(together(lambda: opened(one), server)) == {StoreUnavailable}
    server.failure = None
    assert opened(one) is opened(one)


def test_a_server_that_hangs_costs_all_requests_one_timeout(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them want to know which collection is in use; each used to ask after the one before had its timeout."""
    store, looked, hanging = MilvusStore(URI, timeout_s=1.0), [], Server()
    server.let_go.set()

    def live(_: object) -> str:
        looked.append("live")
        assert hanging.let_go.wait(30)
        raise MilvusException(message="deadline")

    def come(_: object) -> None:
        come_so_far.append("one")
        if len(come_so_far) == CALLERS:
            hanging.asked.append("all are here")

    come_so_far: list[str] = []
    monkeypatch.setattr(store._versions, "live", live)
    monkeypatch.setattr(store, "_load_again", come)
    assert set(together(lambda: store.get("p"), hanging)) == {StoreUnavailable}
    assert len(looked) < CALLERS
