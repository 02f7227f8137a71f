"""Runs the blocks of a page against a small service with the bundled models."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from service.build import ENCODERS, ENGINES, build_service
from service.cli.index import run_ingest
from service.server.catalog import Catalog
from service.settings import Settings, setting_places
from starter.demo_shop import make_shop
from tests.contract.docs_pages import ROOT, Block
from tests.contract.docs_readers import check_answer, check_file, check_shell, read_settings
from tests.contract.docs_shell import Shell
from tests.integration.live import live

ADDRESS = "http://127.0.0.1:8000"
PRODUCTS = 24
SETTINGS = {f"WITHTHIS_{name.upper()}" for name in setting_places()} | {"WITHTHIS_CONFIG"}


@dataclass
class World:
    """A running service over a small demo shop, whose feed is `feed`."""

    settings: Settings
    parts: Catalog
    feed: Path
    url: str = ""


@contextmanager
def open_world(folder: Path) -> Iterator[World]:
    """A shop that is open. The models are loaded once, for the service and for all commands of the pages."""
    with pytest.MonkeyPatch.context() as patched:
        for name in SETTINGS & os.environ.keys():
            patched.delenv(name)
        plain = read_settings({})
        encoder, engine = ENCODERS["starter"].load, ENGINES["starter"]
        load, run = cache(lambda: encoder(plain.encoder.options())), cache(lambda: engine(plain.engine.options()))
        patched.setitem(ENCODERS, "starter", replace(ENCODERS["starter"], load=lambda _: load()))
        patched.setitem(ENGINES, "starter", lambda _: run())
        changes = {"data_dir": folder / "data", "store_uri": "exact:", "ingest_workers": 0}
        settings = plain.model_copy(update={**changes, "search_log": folder / "log", "feedback": True})
        service = build_service(settings)
        try:
            world = World(settings, service.default, make_shop(folder / "shop", PRODUCTS))
            run_ingest(world.feed, settings, service.encoder, service.default.store)
            with live(world) as world.url:
                yield world
        finally:
            service.close()


class Runner:
    """Runs the blocks of one page, one at a time, in a folder of its own."""

    def __init__(self, folder: Path, world: World) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        # A port that is free here, no processes that load this module again, and a store that opens at once.
        environment |= {
            "WITHTHIS_PORT": "0",
            "WITHTHIS_INGEST_WORKERS": "0",
            "WITHTHIS_STORE_URI": "exact:.store.jsonl",
        }
        environment |= {"COLUMNS": "200"}
        (folder / "starter").symlink_to(ROOT / "starter")
        shutil.copytree(world.feed.parent, folder / "shop")
        self._url = world.url
        self._shell = Shell(folder, environment)
        self._names: dict[str, Any] = {"__name__": "docs"}

    def do(self, block: Block) -> bool:
        """Run or read a block; False where it is only to be looked at. Raises whatever is wrong with it."""
        text = block.text.replace(ADDRESS, self._url)
        match block.language, block.kind:
            case "text", None:
                return False
            case "sh", "not run":
                check_shell(block.text)
                return False
            case "sh", None:
                self._shell.run(text)
            case "sh", "fails":
                self._shell.fail(text, block.what)
            case "python", None:
                self._python(text, block.place)
            case "json", "send":
                self._send(block.what, text)
            case "json", "answer":
                check_answer(block.what, text)
            case "json" | "jsonl" | "yaml" | "toml" | "csv", "file":
                path = self._shell.folder / block.what
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
                check_file(path)
            case _:
                raise AssertionError(f"a block of {block.language!r} cannot be {block.kind or 'run'}")
        return True

    def _python(self, text: str, place: str) -> None:
        with chdir(self._shell.folder), patch.dict(os.environ, self._shell.environment, clear=True):
            exec(compile(text, place, "exec"), self._names)

    def _send(self, request: str, text: str) -> None:
        method, path = request.split()
        headers = {"Content-Type": "application/json"}
        answer = httpx.request(method, self._url + path, content=text, headers=headers, timeout=60)
        assert answer.is_success, answer.text
