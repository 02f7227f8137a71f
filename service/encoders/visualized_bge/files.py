"""Locations of the files of a Visualized BGE: a folder, a single file, or the hub."""

import re
from pathlib import Path

from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import HfHubHTTPError

from service.encoders.visualized_bge.config import TEXT_FILE, WEIGHTS_REPO, WEIGHTS_REVISION, Published
from service.errors import EncoderUnavailable

WEIGHTS_FILE = "model.safetensors"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "sentencepiece.bpe.model",
)
_VOCABULARIES = ("tokenizer.json", "vocab.txt", "sentencepiece.bpe.model")
_HUB_NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+?)(?:@(?P<revision>[\w./-]+))?")
_HUB_FAULTS = (OSError, ValueError, HfHubHTTPError)  # offline, unknown name or revision, refused, nothing cached


def find_weights(weights: Path | str | None, model: Published, revision: str | None = None) -> Path:
    """The file of weights: `weights` itself, the one in the folder `weights`, or for None the hub's.

    A folder may hold `model.safetensors` (converted) or the published `.pth`. `revision` is that of
    BAAI/bge-visualized; None takes the pinned one. Raises `EncoderUnavailable`.
    """
    if weights is None:
        return _weights_from_hub(model, revision or WEIGHTS_REVISION)
    path = Path(weights).expanduser()
    if path.is_dir():
        for name in (WEIGHTS_FILE, model.file):
            if (path / name).is_file():
                return path / name
        raise EncoderUnavailable(
            f"The folder {path} has neither {WEIGHTS_FILE} nor {model.file}. To download it: {model.download} "
            "and then `withthis models convert`."
        )
    if not path.is_file():
        raise EncoderUnavailable(f"There is no file or folder {path}. To fetch {model.file}: {model.download}")
    return path


def find_text_model(text_model: Path | str | None, model: Published, weights: Path | None = None) -> Path:
    """The folder with the text model's configuration and tokenizer.

    `text_model` is a folder, or a name on the hub with or without `@revision`. None takes the files next
    to `weights` if they are there, else those of the pinned text model on the hub. Raises `EncoderUnavailable`.
    """
    if text_model is None:
        if weights is not None and _is_text_model(weights.parent):
            return weights.parent
        return _text_model_from_hub(model.text_repo, model.text_revision)
    folder = Path(text_model).expanduser()
    if folder.is_dir():
        if not _is_text_model(folder):
            raise EncoderUnavailable(f"The folder {folder} lacks {_missing(folder)}. {_text_command(model)}")
        return folder
    name = _HUB_NAME.fullmatch(str(text_model))
    if name is None:
        raise EncoderUnavailable(f"There is no folder {folder} with a text model. {_text_command(model)}")
    pinned = model.text_revision if name["repo"] == model.text_repo else None
    return _text_model_from_hub(name["repo"], name["revision"] or pinned)


def _is_text_model(folder: Path) -> bool:
    return _missing(folder) is None


def _missing(folder: Path) -> str | None:
    if not (folder / TEXT_FILE).is_file():
        return TEXT_FILE
    return None if any((folder / name).is_file() for name in _VOCABULARIES) else "a tokenizer"


def _weights_from_hub(model: Published, revision: str) -> Path:
    try:
        return Path(hf_hub_download(WEIGHTS_REPO, model.file, revision=revision))
    except _HUB_FAULTS as error:
        raise EncoderUnavailable(
            f"{model.file} of {WEIGHTS_REPO} (revision {revision}) is not on this machine and could not be downloaded. "
            f"On a machine with a network, run: {model.download} and set WITHTHIS_ENCODER_PATH to the file."
        ) from error


def _text_model_from_hub(repo: str, revision: str | None) -> Path:
    names = [TEXT_FILE, *TOKENIZER_FILES]
    try:
        folder = Path(snapshot_download(repo, revision=revision, allow_patterns=names))
    except _HUB_FAULTS as error:
        raise EncoderUnavailable(
            f"The tokenizer and configuration of {repo} are not on this machine and could not be downloaded. On a "
            f"machine with a network, run: hf download {repo} {' '.join(names[:3])} --local-dir {Path(repo).name} and "
            "name that folder as the text model (WITHTHIS_ENCODER_TEXT_MODEL)."
        ) from error
    if not _is_text_model(folder):
        raise EncoderUnavailable(f"{repo} on the hub lacks {_missing(folder)}, so it cannot be used as the text model.")
    return folder


def _text_command(model: Published) -> str:
    files = " ".join((TEXT_FILE, *TOKENIZER_FILES[:2]))
    return (
        f"To download it: hf download {model.text_repo} {files} --revision {model.text_revision} "
        f"--local-dir {Path(model.text_repo).name}"
    )
