"""An environment for each client, made once for its pinned packages and kept."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.clients.checks import ClientCheck

ROOT = Path(__file__).parent
KEPT = ROOT.parents[1] / ".withthis" / "clients"


def command(check: ClientCheck) -> list[str]:
    """What runs a script in its environment, which is made if it is not there. Raises CalledProcessError."""
    folder = KEPT / f"{check.language}-{check.name}-{_digest(check)}"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (_install_python if check.language == "python" else _install_node)(folder, check.packages)
        (folder / "ready").touch()
    if check.language == "python":
        return [str(folder / "bin" / "python"), str(ROOT / "python" / check.script)]
    for script in (ROOT / "node").glob("*.mjs"):  # a module finds its packages from where it lies
        shutil.copy(script, folder)
    return ["node", str(folder / check.script)]


def _install_python(folder: Path, packages: Sequence[str]) -> None:
    _run(sys.executable, "-m", "venv", folder)
    _run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)


def _install_node(folder: Path, packages: Sequence[str]) -> None:
    (folder / "package.json").write_text('{"private": true}')
    _run("npm", "install", "--silent", "--no-audit", "--no-fund", "--save-exact", *packages, folder=folder)


def _run(*words: object, folder: Path | None = None) -> None:
    subprocess.run([str(word) for word in words], cwd=folder, check=True, capture_output=True, text=True)


def _digest(check: ClientCheck) -> str:
    return hashlib.sha256("\n".join(check.packages).encode()).hexdigest()[:8]
