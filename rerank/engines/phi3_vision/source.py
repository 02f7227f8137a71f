"""Where the files of a checkpoint are: a folder, or a model on the hub at one pinned commit."""

import re
from dataclasses import dataclass
from pathlib import Path

from rerank.errors import EngineError

__all__ = ["PINNED", "Source", "find"]

PINNED = {
    "microsoft/Phi-3-vision-128k-instruct": "c45209e90a4c4f7d16b2e9d48503c7f3e83623ed",
    "microsoft/Phi-3.5-vision-instruct": "4a0d683eba9f1d0cbfb6151705d1ee73c25a80ca",
}
"""The published models, and their default commits."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_FILES = ("*.safetensors", "*.safetensors.index.json", "*config.json", "tokenizer.json")
"""Data only: neither code nor pickles are fetched."""


@dataclass(frozen=True)
class Source:
    """A local checkpoint."""

    folder: Path
    """Holds config.json, tokenizer.json and the weights."""
    name: str
    """Folder name, or model and commit."""


def find(path: Path | None, model: str | None, revision: str | None) -> Source:
    """The checkpoint in a folder (`path`, or `model` if that is one), or from the hub, which fetches it once.

    Raises:
        EngineError: neither is named, the folder holds no model, no commit is known, or the hub does not answer.
    """
    folder = path if path is not None else Path(model or "")
    if path is not None or (model and folder.is_dir()):
        if not (folder / "config.json").is_file():
            raise EngineError(f"{folder} is not a model folder: it has no config.json.")
        return Source(folder, folder.resolve().name)
    if not model:
        raise EngineError(f"Give a folder with the weights, or a model on the hub such as {[*PINNED][-1]}.")
    commit = revision or PINNED.get(model, "")
    if not _COMMIT.fullmatch(commit):
        raise EngineError("A model from the hub must be pinned to a commit: give its 40 hexadecimal digits.")
    return Source(_fetch(model, commit), f"{model}@{commit[:12]}")


def _fetch(model: str, commit: str) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 (a folder needs no network library)

    try:
        return Path(snapshot_download(model, revision=commit, allow_patterns=list(_FILES)))
    except Exception as error:  # the hub's, the network's and the disk's errors share no base class
        raise EngineError(f"{model} cannot be downloaded from the hub. Check name, commit and network.") from error
