"""`python -m tests.integration.durable_entry URI END`: writes around a full disk, says what was taken, and ends.

URI: a store's address. END: `close`, or a number of a signal that the process sends itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from service.build import open_store
from service.errors import StoreFull
from service.settings import Settings
from service.stores.store import VersionedStore
from tests.disks import no_file_beyond
from tests.integration.records import INFO, record


def put(store: VersionedStore, name: str) -> None:
    """Write a row and say so."""
    store.upsert([record(name, attributes={"long": "x" * 20_000})])
    print(name, flush=True)


def main() -> None:
    """Ten rows, a full disk, ten rows."""
    store = open_store(Settings(_env_file=None, store_uri=sys.argv[1]))
    store.ensure(INFO)
    for number in range(10):
        put(store, f"before-{number}")
    with no_file_beyond(largest(sys.argv[1]) + 7_000):
        for number in range(3):
            try:
                put(store, f"full-{number}")
            except StoreFull:
                continue
            raise AssertionError("written to a full disk")
        assert store.count() == 10 and len(store.get("before-3")) == 1
    for number in range(10):
        put(store, f"after-{number}")
    store.delete(["before-0"])
    print("-before-0", flush=True)
    if sys.argv[2] == "close":
        store.close()
    else:
        os.kill(os.getpid(), int(sys.argv[2]))


def largest(uri: str) -> int:
    """Bytes of the log."""
    place = Path(uri.removeprefix("exact:"))
    logs = [place] if place.is_file() else list(place.rglob("wal_data_*"))
    return max(log.stat().st_size for log in logs)


if __name__ == "__main__":
    main()
