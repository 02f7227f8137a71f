"""The demo shop as a folder: created once, and the query image that goes with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from service.errors import InternalFault

DEMO_DIR = Path(".withthis/demo")
QUERY_TEXT = "a phone case with this"
QUERY_IMAGE = "leopard.webp"


def make_shop(folder: Path, products: int) -> Path:
    """The feed of the demo shop, created if missing. A half-created shop is created again.

    Raises:
        InternalFault: the generator failed and has printed the reason.
    """
    feed = folder / "products.csv"
    if not feed.exists():
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "starter.catalogue", str(unfinished), "--products", str(products)]
        if subprocess.run(command, check=False).returncode != 0:
            raise InternalFault("The demo shop could not be created; see the messages above.")
        unfinished.rename(folder)
    return feed


def query_image() -> bytes:
    """The leopard of the first query, in a style that the shop does not use."""
    return files("starter").joinpath("queries", QUERY_IMAGE).read_bytes()
