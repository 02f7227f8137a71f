"""ONNX Runtime reports nothing to its maker, whoever imports it."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
SHIPPED = ("service", "rerank", "starter", "withthis", "benchmarks")


def test_nothing_is_written_for_telemetry(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_", "CI"))}
    env = kept | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    look = "import service.encoders.compiled.graph"
    subprocess.run([sys.executable, "-c", look], env=env, cwd=tmp_path, check=True)
    assert list(tmp_path.iterdir()) == []


def test_it_is_imported_from_one_place() -> None:
    files = [file for package in SHIPPED for file in (ROOT / package).rglob("*.py")]
    direct = re.compile(r"^\s*(import|from) onnxruntime", re.MULTILINE)
    found = [file.relative_to(ROOT).as_posix() for file in files if direct.search(file.read_text(encoding="utf-8"))]
    assert found == ["service/encoders/compiled/runtime.py"]
