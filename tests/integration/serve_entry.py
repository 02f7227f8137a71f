"""`python -m tests.integration.serve_entry FOLDER`: one service process over fakes; prints its address.

A search waits in the reranker until FOLDER/go is there, and FOLDER/closed gets a line each time the store is closed.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from service.build import assemble
from service.cli.listening import address, listen
from service.cli.serving import run_server
from service.cli.signals import exit_on_signals
from tests.fakes import MemoryStore, Shop, make_shop


def note(path: Path) -> None:
    """One more line in a file."""
    with path.open("a") as file:
        file.write("once\n")


class Watched(MemoryStore):
    """Says when it is closed, and takes as long for it as a second signal needs to come."""

    noted: Path

    def close(self) -> None:
        time.sleep(0.2)
        note(self.noted)


class Gate(threading.Event):
    """Opens when a file is there; says when somebody waits."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def wait(self, timeout: float | None = None) -> bool:
        note(self._folder / "asked")
        while not (self._folder / "go").exists():
            time.sleep(0.01)
        return True


def watched(shop: Shop, noted: Path) -> Shop:
    """The shop, whose store's end can be seen from another process."""
    store = Watched()
    store.upsert(list(shop.store.rows.values()))
    store.noted = noted
    parts = assemble(
        encoder=shop.encoder, store=store, images=shop.images, rerank=shop.parts.rerank, settings=shop.settings
    )
    return replace(shop, store=store, parts=parts)


def main() -> None:
    """Serve until told to stop."""
    exit_on_signals()
    folder = Path(sys.argv[1])
    shop = watched(make_shop(folder, products=9), folder / "closed")
    shop.strategy.block = Gate(folder)
    with listen("127.0.0.1", 0) as sock:
        print(address(sock), flush=True)
        run_server(shop.settings, shop.service, sock)


if __name__ == "__main__":
    main()
