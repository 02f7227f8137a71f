"""Stores of every kind for tests that hold for all of them."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.milvus_server import MilvusServerError, milvus_server
from service.stores.exact.exact_store import ExactStore
from service.stores.milvus.milvus_store import MilvusStore
from service.stores.store import VersionedStore
from tests.integration.embedding_server import EmbeddingServer, embedding_server
from tests.integration.model_server import ModelServer, model_server

_NUMBERS = itertools.count()
WAITS_ON_THE_SERVER = pytest.param("server", marks=pytest.mark.soak)
"""For tests that make and fill many collections: an old server answers each step only after seconds."""
MakeStore = Callable[..., VersionedStore]


@pytest.fixture(scope="session")
def milvus_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Milvus server, started once for all tests; they are skipped where it cannot start."""
    try:
        with milvus_server(tmp_path_factory.mktemp("milvus")) as uri:
            yield uri
    except MilvusServerError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session", autouse=True)
def hangups_count() -> Iterator[None]:
    """Processes that tests start end at SIGHUP, even where this run was started to ignore it (`nohup`)."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="module")
def running() -> Iterator[ModelServer]:
    """A model server that says what a test tells it."""
    with model_server() as server:
        yield server


@pytest.fixture(scope="module")
def embeddings() -> Iterator[EmbeddingServer]:
    """A server of embeddings, for all tests of a file."""
    with embedding_server() as server:
        yield server


@pytest.fixture
def server(embeddings: EmbeddingServer) -> EmbeddingServer:
    """The same, which has forgotten the tests before."""
    embeddings.forget()
    return embeddings


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests to this machine go to it."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(params=["memory", "file", "lite", pytest.param("server", marks=pytest.mark.slow)])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    """Opens stores over the same data, one at a time or concurrently; all are closed at the end."""
    opened: list[VersionedStore] = []
    opener = _opener(request, tmp_path)

    def make(**options: object) -> VersionedStore:
        opened.append(opener(**options))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


def _opener(request: pytest.FixtureRequest, folder: Path) -> MakeStore:
    match request.param:
        case "memory":
            store = ExactStore()
            return lambda **options: store
        case "file":
            return lambda **options: ExactStore(folder / "store.jsonl")
        case "lite":
            return lambda **options: MilvusStore(str(folder / "milvus.db"), **options)
    uri, name = request.getfixturevalue("milvus_uri"), f"test_{next(_NUMBERS)}"
    return lambda **options: MilvusStore(uri, collection=name, timeout_s=60, **options)
