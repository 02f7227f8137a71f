"""The two checkouts that are compared."""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.service_process import COMMAND, of

_SCRIPTS = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Tree:
    """A checkout, and a folder for what it stores."""

    name: str
    code: Path
    folder: Path

    def environment(self, place: str) -> dict[str, str]:
        """The settings of a service of this checkout, with a data folder of that name."""
        return {"WITHTHIS_DATA_DIR": str(self.folder / place), "WITHTHIS_LOG_LEVEL": "ERROR"}

    def run(self, script: str, *arguments: str) -> Any:
        """What a script beside this module prints as JSON when it runs with the code of this checkout.

        CalledProcessError if it failed; it has said why.
        """
        # -P: the folder of the script holds no modules for it.
        command = [sys.executable, "-P", str(_SCRIPTS / script), *arguments]
        done = subprocess.run(command, cwd=self.code, env=of(self.code), check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    def cpu_s(self, *arguments: str) -> float:
        """Processor seconds of `withthis ARGUMENTS`."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*COMMAND, *arguments], cwd=self.code, env=of(self.code), check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


@contextmanager
def checked_out(commit: str) -> Iterator[tuple[Tree, Tree]]:
    """An earlier commit in a temporary folder, and this checkout. CalledProcessError if git does not know it."""
    with tempfile.TemporaryDirectory(prefix="withthis-versus-") as name:
        folder = Path(name)
        packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder / "code", filter="data")
        trees = Tree("base", folder / "code", folder / "base"), Tree("now", ROOT, folder / "now")
        for tree in trees:
            tree.folder.mkdir()
        yield trees


def full_hash(commit: str) -> str | None:
    """The hash of a commit; None if it is not in this repository, or git is missing."""
    try:
        command = ["git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
