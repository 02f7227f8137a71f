"""The service that the clients talk to: the bundled models over an empty exact store, one API key."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from service.app import create_app
from service.build import build_service
from service.server.access.api_keys import hash_key
from service.settings import Settings
from tests.integration.live import live_app

KEY = "wt_clients"


@contextmanager
def running_service() -> Iterator[str]:
    """Serve it; its address."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            _env_file=None,
            data_dir=Path(folder),
            store_uri=f"exact:{folder}/store",
            api_keys=[{"name": "clients", "sha256": hash_key(KEY), "scopes": ["search"]}],
        )
        with (
            closing(build_service(settings)) as service,
            live_app(lambda _: create_app(settings, service), settings) as url,
        ):
            yield url
