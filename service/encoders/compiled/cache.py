"""Graphs that were exported on this machine, in the user's cache folder, each under a hash of what it depends on."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from service.support.whole_file import write_whole

if TYPE_CHECKING:
    from service.encoders.compiled.export import Axes

_FORM = 1
"""Increment where another way to export makes another graph of the same module."""
_log = logging.getLogger(__name__)


def exported(module: nn.Module, example: Sequence[Tensor], axes: Sequence[Axes], facts: object) -> bytes:
    """The graph of `module`, from the cache if it was exported before; processes may do that at the same time.

    `facts`: what shapes the graph and cannot be read from the names and shapes of the module's parts. Raises
    ImportError if it must be exported and the package onnx is missing.
    """
    path = _folder() / f"{_key(module, axes, facts)}.onnx"
    try:
        return path.read_bytes()
    except OSError:
        graph = _export(module, example, axes)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, graph)
    except OSError as error:
        _log.warning("graphs cannot be cached in %s and are exported at every start: %s", path.parent, error.strerror)
    return graph


def _export(module: nn.Module, example: Sequence[Tensor], axes: Sequence[Axes]) -> bytes:
    try:
        from service.encoders.compiled.export import export  # noqa: PLC0415 (onnx is an extra)
    except ImportError as error:
        raise ImportError("its graph is not exported yet: pip install 'withthis[compiled]'") from error
    return export(module, example, axes)


def _folder() -> Path:
    """Of the XDG base directory specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "withthis" / "graphs"


def _key(module: nn.Module, axes: Sequence[Axes], facts: object) -> str:
    weights = [(name, tuple(weight.shape)) for name, weight in module.named_parameters()]
    versions = [version(package) for package in ("torch", "transformers")]
    parts = (_FORM, repr(module), weights, axes, facts, versions)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
