"""Google's pickle → a folder with everything the encoder needs, in safetensors."""

from __future__ import annotations

import shutil
from pathlib import Path

from safetensors.torch import save_file

from service.encoders.magiclens.files import TOKENIZER_FILES, WEIGHTS_FILE, find_tokenizer, find_weights
from service.encoders.magiclens.weights import read_tensors
from service.encoders.new_folder import new_folder


def convert(source: Path | str, target: Path | str, *, tokenizer: Path | str | None = None) -> Path:
    """Write the folder `target` from a published file; returns it. It is created atomically.

    `source` and `tokenizer` are found as in `MagicLensEncoder.load`. Names, shapes and the type of the numbers stay.
    Raises `ConfigurationError` if `target` exists, and `EncoderUnavailable` if the source is missing or does not fit.
    """
    weights = find_weights(source)
    words = find_tokenizer(tokenizer, weights)
    with new_folder(target) as draft:
        tensors, _ = read_tensors(weights)
        save_file(tensors, draft / WEIGHTS_FILE, metadata={"format": "pt", "encoder": "magiclens"})
        for name in TOKENIZER_FILES:
            if (words / name).is_file():
                shutil.copyfile(words / name, draft / name)
    return Path(target).expanduser()
