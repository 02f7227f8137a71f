"""The environment of a benchmark run."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
PACKAGES = (
    *("withthis", "torch", "transformers", "numpy", "pillow", "litestar", "uvicorn"),
    *("pymilvus", "milvus-lite", "milvus"),
)
_CPUINFO = Path("/proc/cpuinfo")
_INSTRUCTION_SETS = (
    *("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_bf16", "amx_int8", "asimd", "asimddp", "sve", "i8mm", "bf16"),
)


def machine() -> str:
    """Processor, cores that this process may use, memory and system."""
    memory = round(psutil.virtual_memory().total / 2**30)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores, {memory} GiB, {platform.system()} {platform.release()}"


def instruction_sets() -> str:
    """Those of the processor that matrix arithmetic uses, as the system names them."""
    lines = _CPUINFO.read_text(encoding="utf-8").splitlines() if _CPUINFO.exists() else []
    found = [line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))]
    return ", ".join(name for name in _INSTRUCTION_SETS if found and name in found[0]) or "none known"


def versions() -> str:
    """Python's and those of the packages that the figures depend on."""
    found = (f"{name} {number}" for name in PACKAGES if (number := _version(name)))
    return ", ".join([f"Python {platform.python_version()}", *found])


def commit() -> str:
    """The commit that is checked out, and whether files differ from it."""
    head = _git("rev-parse", "--short=10", "HEAD")
    if not head:
        return "unknown"
    changed = _git("status", "--porcelain", "--", ":/", ":!benchmarks/RESULTS.md")
    return f"{head} with changes" if changed else head


def _processor() -> str:
    lines = _CPUINFO.read_text(encoding="utf-8").splitlines() if _CPUINFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
