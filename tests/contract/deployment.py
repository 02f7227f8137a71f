"""The files under docker/ as tests want them: compose files put together, variables put in, manifests rendered."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

DOCKER = Path(__file__).parents[2] / "docker"
OVERLAYS = sorted(folder.name for folder in (DOCKER / "kubernetes/overlays").iterdir())
_VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")


def compose(*names: str) -> dict[str, Any]:
    """The model that `docker compose -f NAME -f NAME` works with, variables at their defaults."""
    merged: Any = {}
    for name in names:
        merged = _merge(merged, _filled(yaml.safe_load((DOCKER / name).read_text(encoding="utf-8"))))
    return {key: value for key, value in merged.items() if not key.startswith("x-")}


def _filled(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value) for value in part]
    return _VARIABLE.sub(lambda match: match[2] or "", part) if isinstance(part, str) else part


def _merge(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _merge(below.get(key), value) for key, value in above.items()}}


def render(overlay: str) -> list[dict[str, Any]] | None:
    """The manifests of an overlay by kustomize; None if neither kustomize nor kubectl is there."""
    folder = str(DOCKER / "kubernetes/overlays" / overlay)
    for command in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if shutil.which(command[0]):
            done = subprocess.run([*command, folder], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return list(yaml.safe_load_all(done.stdout))
    return None


def source_manifests() -> list[dict[str, Any]]:
    """All manifests as they are written, not rendered."""
    files = sorted((DOCKER / "kubernetes").rglob("*.yaml"))
    documents = [document for file in files for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    return [document for document in documents if "kind" in document]
