"""Locations of the files of a MagicLens: weights on this machine, and CLIP's tokenizer beside them or on the hub."""

from __future__ import annotations

from pathlib import Path

from service.encoders.clip_family.checkpoint import find
from service.encoders.magiclens.sizes import PUBLISHED
from service.errors import EncoderUnavailable

WEIGHTS_FILE = "model.safetensors"
TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")
TOKENIZER_REPO = "openai/clip-vit-base-patch32"
BUCKET = "gs://gresearch/magiclens/models"


def what_to_do() -> str:
    """Where the weights come from."""
    names = " or ".join(PUBLISHED)
    return (
        f"Expected {names} as Google published it, or the folder that `withthis models convert` made of it. To "
        f"download it: gsutil cp {BUCKET}/{next(iter(PUBLISHED))} . (or by hand from "
        "https://github.com/google-deepmind/magiclens)"
    )


def find_weights(weights: Path | str | None) -> Path:
    """The file of weights: `weights` itself, or the one in the folder `weights`. Raises `EncoderUnavailable`.

    A folder may hold `model.safetensors` (converted) or a published pickle. They are on no hub: None is an error.
    """
    if weights is None:
        raise EncoderUnavailable(f"WITHTHIS_ENCODER_PATH is not set, and MagicLens is on no hub. {what_to_do()}")
    path = Path(weights).expanduser()
    candidates = [path / name for name in (WEIGHTS_FILE, *PUBLISHED)] if path.is_dir() else [path]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise EncoderUnavailable(f"There are no weights of MagicLens in {path}. {what_to_do()}")


def find_tokenizer(tokenizer: Path | str | None, weights: Path) -> Path:
    """The folder with CLIP's `vocab.json` and `merges.txt`, or its `tokenizer.json`.

    `tokenizer` is a folder or a name on the hub; None takes the files next to `weights` if they are there, else those
    of OpenAI's CLIP at a pinned revision. Raises `EncoderUnavailable`.
    """
    if tokenizer is None and _has_tokenizer(weights.parent):
        return weights.parent
    try:
        folder = find(tokenizer or TOKENIZER_REPO, None, TOKENIZER_FILES)
    except EncoderUnavailable as error:
        raise EncoderUnavailable(f"The tokenizer of CLIP is not on this machine. {_TOKENIZER_COMMAND}") from error
    if not _has_tokenizer(folder):
        raise EncoderUnavailable(f"{folder} has no tokenizer of CLIP. {_TOKENIZER_COMMAND}")
    return folder


def _has_tokenizer(folder: Path) -> bool:
    return (folder / "tokenizer.json").is_file() or all((folder / name).is_file() for name in TOKENIZER_FILES[1:3])


_TOKENIZER_COMMAND = (
    f"To download it: hf download {TOKENIZER_REPO} {' '.join(TOKENIZER_FILES[:4])} --local-dir clip, and name that "
    "folder in WITHTHIS_ENCODER_TEXT_MODEL, or copy the files next to the weights."
)
