"""BAAI's `.pth` → a folder with everything the encoder needs, in safetensors."""

import shutil
from pathlib import Path

from safetensors.torch import save_file

from service.encoders.new_folder import new_folder
from service.encoders.visualized_bge.checkpoint import (
    check_layout,
    empty_model,
    published_layout,
    read_tensors,
    used_layout,
)
from service.encoders.visualized_bge.config import (
    TEXT_FILE,
    published,
    read_text_config,
    read_vision_config,
    write_vision_config,
)
from service.encoders.visualized_bge.files import TOKENIZER_FILES, WEIGHTS_FILE, find_text_model, find_weights


def convert(
    name: str,
    source: Path | str | None,
    target: Path | str,
    *,
    text_model: Path | str | None = None,
    revision: str | None = None,
) -> Path:
    """Write the folder `target` from a published file; returns it. It is created atomically.

    `source` and `text_model` are found as in `VisualizedBgeEncoder.load`. Numbers keep their type; unused tensors
    are left out. Raises `ConfigurationError` if `target` exists, and
    `EncoderUnavailable` if the source is missing or does not fit.
    """
    model = published(name)
    with new_folder(target) as draft:
        weights = find_weights(source, model, revision)
        _write(name, weights, find_text_model(text_model, model, weights), draft)
    return Path(target).expanduser()


def _write(name: str, weights: Path, text: Path, draft: Path) -> None:
    model = published(name)
    vision = read_vision_config(text, model)
    net = empty_model(read_text_config(text), vision)
    tensors = read_tensors(weights, model)
    check_layout(tensors, published_layout(net), weights, model)
    used = {tensor: tensors[tensor].contiguous() for tensor in used_layout(net)}
    save_file(used, draft / WEIGHTS_FILE, metadata={"format": "pt", "encoder": name, "source": weights.name})
    write_vision_config(vision, draft)
    for file in (TEXT_FILE, *TOKENIZER_FILES):
        if (text / file).is_file():
            shutil.copyfile(text / file, draft / file)
