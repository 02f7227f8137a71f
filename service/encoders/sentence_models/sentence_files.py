"""Checkpoints of sentence-transformers: on disk or on the hub, checked before anything in them is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from service.encoders.clip_family.checkpoint import find
from service.errors import EncoderUnavailable

PINNED: dict[str, str] = {
    "Qwen/Qwen3-VL-Embedding-2B": "9f2f7e710d6d81056aa5c0a4f04764fec6bb7bda",
    "Qwen/Qwen3-VL-Embedding-8B": "2c4565515e0f265c6511776e7193b22c0968ddc7",
    "google/embeddinggemma-2": "914f7f89142e33e77833254d9c9b90c3cef7303b",
}
"""The commit taken where the settings name none, as MTEB 2.26.24 pins it; unverified, as the hub was not reachable when
this was written. Other names: the newest commit.
"""

_FILES = ("*.json", "*.txt", "*.jinja", "*.model", "*.safetensors")
_MODULES = "modules.json"
_PACKAGE = "sentence_transformers."
_FINGERPRINT_VERSION = b"sentence-transformers-1"


def find_checkpoint(source: Path | str, revision: str | None) -> Path:
    """The folder of a checkpoint: `source` itself, or the local copy of what the hub has under that name.

    Raises EncoderUnavailable if there is none, if its weights are no safetensors, or if it asks for code of its own.
    """
    name = source.as_posix() if isinstance(source, Path) else source
    folder = find(source, revision or PINNED.get(name), _FILES)
    if not any(folder.rglob("*.safetensors")):
        raise EncoderUnavailable(f"{name} has no weights in safetensors, and pickled weights are not loaded.")
    for module in _modules(folder):
        if not module.startswith(_PACKAGE):
            raise EncoderUnavailable(
                f"{name} needs code that comes with it or with another package ({module}), which is never run. "
                "Serve it behind an embedding server and set WITHTHIS_ENCODER=remote."
            )
    return folder


def fingerprint(folder: Path, *parts: str) -> str:
    """SHA-256 over all files that shape the embeddings, and over `parts`: anything else that does."""
    digest = hashlib.sha256(_FINGERPRINT_VERSION)
    paths = {path for pattern in _FILES for path in folder.rglob(pattern) if path.is_file()}
    for path in sorted(paths):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    digest.update("\0".join(parts).encode())
    return digest.hexdigest()


def _modules(folder: Path) -> Iterator[str]:
    """The classes that the checkpoint is made of. EncoderUnavailable if it does not say."""
    try:
        listed = json.loads((folder / _MODULES).read_bytes())
        yield from (str(module["type"]) for module in listed)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderUnavailable(
            f"{folder / _MODULES} is missing or damaged: this is no checkpoint of sentence-transformers. Models of the "
            "CLIP family have encoders of their own; see `withthis models list`."
        ) from error
