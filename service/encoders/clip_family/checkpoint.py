"""Checkpoints of the CLIP family: finding them on disk or on the hub, and loading safetensors."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import snapshot_download
from transformers import PreTrainedModel

from service.errors import EncoderUnavailable

MODELS = {
    "clip": "CLIPModel",
    "chinese_clip": "ChineseCLIPModel",
    "siglip": "SiglipModel",
    "siglip2": "Siglip2Model",
    "tipsv2": "Tipsv2Model",
}
"""Class of transformers by `model_type` in config.json. Named here, so that remote code in a config's `auto_map` is
never run. The newest are not in every version that this package works with.
"""

PINNED: dict[str, str] = {
    "Marqo/marqo-ecommerce-embeddings-B": "6854090aa39b2a9d70f390d83ae9e70cf9d9004e",
    "Marqo/marqo-ecommerce-embeddings-L": "92e3b2606e34fe9a91b732229689e9fb9d422929",
    "BAAI/BGE-VL-base": "1aba80d3faf358474cfdd26baccda8b4f7ff2f35",
    "BAAI/BGE-VL-large": "41c4fb301c5642372b3290ea8027cb9149c4f7bc",
    "OFA-Sys/chinese-clip-vit-base-patch16": "36e679e65c2a2fead755ae21162091293ad37834",
    "google/siglip-base-patch16-224": "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed",
    "openai/clip-vit-base-patch32": "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
}
"""The commit taken where the settings name none, as MTEB's list and other projects pin it. The hub was not reachable
when this was written, so these are unverified. Other names: the newest commit.
"""

CONFIG, IMAGES, WEIGHTS, PICKLED = (
    "config.json",
    "preprocessor_config.json",
    "model.safetensors",
    "pytorch_model.bin",
)
_TEXT_FILES = (
    "tokenizer*.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "special_tokens_map.json",
    "spiece.model",
)
FILES = (CONFIG, IMAGES, *_TEXT_FILES)
"""Everything but the weights; patterns."""
_SAFETENSORS = "model*.safetensors*"
_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_FINGERPRINT_VERSION = b"clip-family-1"
_CONVERT = "Convert it once with `withthis models convert {source} TARGET` and set WITHTHIS_ENCODER_PATH to TARGET."


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder whose config.json was read and whose weights are safetensors."""

    folder: Path
    model_type: str
    preprocessor: dict[str, Any]

    @classmethod
    def open(cls, source: Path | str, revision: str | None = None) -> Checkpoint:
        """Find a checkpoint in a folder or on the hub. Raises `EncoderUnavailable` that says what is missing."""
        folder = find(source, revision, (*FILES, _SAFETENSORS))
        config = read_json(folder / CONFIG)
        if "open_clip_model_name" in config:  # what the code in such a repository would load; it is never run
            raise EncoderUnavailable(f"{source} is a checkpoint of open_clip. {_CONVERT.format(source=source)}")
        model_type = config.get("model_type")
        if model_type not in MODELS:
            raise EncoderUnavailable(
                f"{source} is not a checkpoint of the CLIP family: its config.json has the model type {model_type!r}, "
                f"this encoder accepts {', '.join(MODELS)}. Set WITHTHIS_ENCODER to the matching encoder."
            )
        if not any(folder.glob("model*.safetensors")):
            raise EncoderUnavailable(
                f"{source} has no {WEIGHTS}, and pickled weights are not loaded. {_CONVERT.format(source=source)}"
            )
        return cls(folder, model_type, read_json(folder / IMAGES))

    def config(self) -> Any:
        """Its configuration. Raises `EncoderUnavailable` if transformers does not know the model yet."""
        return self._kind().config_class.from_pretrained(self.folder, local_files_only=True)

    def model(self, device: torch.device, dtype: torch.dtype) -> PreTrainedModel:
        """The model, ready to run. Raises `EncoderUnavailable`, also if weights are missing in the file."""
        model, report = self._kind().from_pretrained(
            self.folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
        missing = sorted(report["missing_keys"])
        if missing:  # transformers would continue with random numbers in their place
            raise EncoderUnavailable(
                f"{len(missing)} weights are missing in {self.folder}, {missing[0]} first. Its config.json and its "
                "weights do not belong together, or the file is damaged: download the checkpoint again."
            )
        moved: PreTrainedModel = model.to(device).eval()
        return moved

    def _kind(self) -> Any:
        """Its class in transformers."""
        kind = getattr(transformers, MODELS[self.model_type], None)
        if kind is None:
            raise EncoderUnavailable(
                f"transformers {transformers.__version__} has no {MODELS[self.model_type]}. Install a newer version."
            )
        return kind

    def fingerprint(self, *parts: str) -> str:
        """SHA-256 over weights, config and tokenizer files, and over `parts`: anything else that changes embeddings."""
        digest = hashlib.sha256(_FINGERPRINT_VERSION)
        for path in matching_files(self.folder, (CONFIG, *_TEXT_FILES, "model*.safetensors")):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        digest.update("\0".join(parts).encode())
        return digest.hexdigest()


def find(source: Path | str, revision: str | None, patterns: Sequence[str]) -> Path:
    """The folder of a checkpoint: `source` itself, or the local copy of what the hub has under that name.

    With HF_HUB_OFFLINE=1, or without a network, only what was fetched before is found. Raises
    `EncoderUnavailable`.
    """
    name = source.as_posix() if isinstance(source, Path) else source
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if not _HUB_NAME.fullmatch(name):
        raise EncoderUnavailable(
            f"There is no folder {name!r}. Set WITHTHIS_ENCODER_PATH to a folder with {CONFIG}, {IMAGES}, {WEIGHTS} "
            "and the tokenizer's files, or to a name on the hub such as openai/clip-vit-large-patch14."
        )
    try:
        commit = revision or PINNED.get(name)
        return Path(snapshot_download(name, revision=commit, allow_patterns=list(patterns)))
    except (OSError, ValueError) as error:  # the hub's errors are of these kinds
        raise EncoderUnavailable(
            f"There is no folder {name!r} here, and the hub has no such checkpoint. Check the name, "
            f"WITHTHIS_ENCODER_REVISION and the network; or download it elsewhere with `hf download {name} "
            "--local-dir DIR` and set WITHTHIS_ENCODER_PATH to DIR."
        ) from error


def matching_files(folder: Path, patterns: Sequence[str]) -> Iterator[Path]:
    """Files of a folder in the order of their names, each once."""
    yield from sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})


def read_json(path: Path) -> dict[str, Any]:
    """An object in a file. Raises `EncoderUnavailable`."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EncoderUnavailable(f"{path} is missing or damaged. Download the whole checkpoint again.") from error
    if not isinstance(content, dict):
        raise EncoderUnavailable(f"{path} is damaged. Download the whole checkpoint again.")
    return content
