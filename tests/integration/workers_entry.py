"""`python -m tests.integration.workers_entry`: two service processes over fakes; prints the address."""

from __future__ import annotations

import os
from pathlib import Path

from litestar import Litestar, get

from service.cli.listening import address, listen
from service.cli.supervisor import run_workers
from service.cli.worker import as_worker, shared_out
from service.settings import load_settings
from tests.fakes import make_shop
from tests.integration.serve_entry import watched


@get("/pid", sync_to_thread=False, opt={"withthis_scope": "public"})
def pid() -> int:
    """Which worker answers."""
    return os.getpid()


def create() -> Litestar:
    """A worker over a shop of its own."""
    settings = shared_out(load_settings())
    kept = {name: settings.flat(name) for name in ("shutdown_delay_s", "search_log")}
    folder = Path(settings.data_dir) / str(os.getpid())
    shop = watched(make_shop(folder, products=9, **kept), folder / "closed")
    app = as_worker(shop.settings, shop.service)
    app.register(pid)
    return app


def main() -> None:
    """Serve until told to stop."""
    with listen("127.0.0.1", 0) as sock:
        print(address(sock), flush=True)
        run_workers(load_settings(), sock, "tests.integration.workers_entry:create")


if __name__ == "__main__":
    main()
