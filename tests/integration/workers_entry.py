"""`python -m tests.integration.workers_entry METHOD`: two service processes over fakes; prints the address.

METHOD: how they are started, by its name in `multiprocessing`. Each notes its start as a file of the data folder, and
waits in it while there is a file `hold`; where there is a file `broken`, it cannot start.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from unittest.mock import patch

from litestar import Litestar, get

from service.app import create_app
from service.cli import serving
from service.cli.listening import address, listen
from service.cli.sharing import shared_out
from service.cli.signals import exit_on_signals
from service.cli.supervisor import run_workers
from service.errors import ConfigurationError
from service.server.state import ServiceState
from service.settings import Settings, load_settings
from tests.fakes import make_shop
from tests.integration.serve_entry import watched


@get("/pid", sync_to_thread=False, opt={"withthis_scope": "public"})
def pid() -> int:
    """Which worker answers."""
    return os.getpid()


def with_pid(settings: Settings, service: ServiceState) -> Litestar:
    """The application and `/pid`."""
    app = create_app(settings, service)
    app.register(pid)
    return app


def build(settings: Settings) -> ServiceState:
    """A shop of the worker's own, whose application has `/pid`, too."""
    folder = Path(settings.data_dir)
    (folder / f"started-{os.getpid()}").touch()
    while (folder / "hold").exists():
        time.sleep(0.01)
    if (folder / "broken").exists():
        raise ConfigurationError("A worker of this test cannot start.")
    patch.object(serving, "create_app", with_pid).start()
    own = folder / str(os.getpid())
    return watched(make_shop(own, products=9), own / "closed").service


def main() -> None:
    """Serve until told to stop."""
    exit_on_signals()
    with listen("127.0.0.1", 0) as sock:
        print(address(sock), flush=True)
        run_workers(shared_out(load_settings()), sock, build, sys.argv[1])


if __name__ == "__main__":
    main()
