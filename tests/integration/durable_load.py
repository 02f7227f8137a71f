"""`python -m tests.integration.durable_load URI JOURNAL SEED`: changes rows, and reads them, until it is killed.

The journal gets a line before each change, and one after it if it was acknowledged: `try ID VALUE`, `done ID VALUE`;
the value of a deleted row is `-`. A reader that is refused writes `failed` and why.
"""

from __future__ import annotations

import random
import sys
import threading
from io import FileIO

from service.build import open_store
from service.errors import StoreUnavailable
from service.settings import Settings
from service.stores.store import VersionedStore
from tests.integration.records import INFO, record, unit

PRODUCTS = 200
DELETED = "-"


def change(store: VersionedStore, chance: random.Random, journal: FileIO, value: str) -> None:
    """Put or delete a row, and now and then have the rows settled."""
    id = f"p{chance.randrange(PRODUCTS)}"
    value = DELETED if chance.random() < 0.1 else value
    journal.write(f"try {id} {value}\n".encode())
    try:
        if value == DELETED:
            store.delete([id])
        else:
            store.upsert([record(id, title=value, attributes={"long": "x" * chance.randrange(20_000)})])
        journal.write(f"done {id} {value}\n".encode())
        store.settle(chance.choice([20, 128]))
    except StoreUnavailable:  # refused; its outcome is unknown
        return


def read(store: VersionedStore, chance: random.Random, journal: FileIO) -> None:
    """Search and look up forever."""
    while True:
        try:
            store.search(unit(chance.randrange(99)), limit=5)
            store.get(f"p{chance.randrange(PRODUCTS)}")
        except Exception as error:
            journal.write(f"failed {type(error).__name__} {type(error.__cause__).__name__}\n".encode())


def main() -> None:
    """One writer and two readers."""
    uri, path, seed = sys.argv[1:]
    store = open_store(Settings(_env_file=None, store_uri=uri, store_timeout_s=120))
    store.ensure(INFO)
    chance = random.Random(int(seed))
    with FileIO(path, "a") as journal:
        for _ in range(2):
            threading.Thread(target=read, args=(store, chance, journal), daemon=True).start()
        number = 0
        while True:
            number += 1
            change(store, chance, journal, f"{seed}.{number}")


if __name__ == "__main__":
    main()
