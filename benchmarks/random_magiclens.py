"""A full-size MagicLens with random weights in the layout of Google's files: random embeddings at realistic cost.

`python -m benchmarks.random_magiclens base FOLDER` writes the pickle and a small tokenizer; FOLDER then serves as
WITHTHIS_ENCODER_PATH.
"""

import argparse
import json
import pickle
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgpack
import torch
from torch import Tensor

from service.encoders.magiclens.layout import layout
from service.encoders.magiclens.sizes import PUBLISHED, Sizes

FILES = {file.removesuffix(".pkl").rsplit("_", 1)[-1]: file for file in PUBLISHED}
_ARRAY = 1
# Norms start at one; those of the fusion store the distance from it.
_NORMS = ("ln_1/scale", "ln_2/scale", "ln_pre/scale", "ln_post/scale", "ln_final/scale")


def random_weights(sizes: Sizes, dtype: torch.dtype = torch.float32, seed: int = 0) -> dict[str, Tensor]:
    """Tensors with the names and shapes of the published file."""
    generator = torch.Generator().manual_seed(seed)

    def value(name: str, shape: tuple[int, ...]) -> Tensor:
        if name.endswith(_NORMS):
            return torch.ones(shape, dtype=dtype)
        if name.rsplit("/", 1)[-1] in ("b", "bias", "scale"):
            return torch.zeros(shape, dtype=dtype)
        return torch.empty(shape).normal_(0, 0.04, generator=generator).to(dtype)

    return {name: value(name, shape) for name, shape in layout(sizes).items()}


def packed(tensor: Tensor) -> msgpack.ExtType:
    """An array as `flax.serialization` packs it: (shape, name of the dtype, bytes)."""
    values = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return msgpack.ExtType(_ARRAY, msgpack.packb((tuple(tensor.shape), str(tensor.dtype).split(".")[-1], values)))


def write_flax(tensors: Mapping[str, Any], path: Path) -> Path:
    """Write the published form: a pickle of one `bytes` object, in it msgpack. Other values are packed as they are."""
    tree: dict[str, Any] = {}
    for name, tensor in tensors.items():
        *folders, last = name.split("/")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = packed(tensor) if isinstance(tensor, Tensor) else tensor
    with path.open("wb") as file:
        pickle.dump(msgpack.packb(tree), file, protocol=4)
    return path


def write_tokenizer(sizes: Sizes, folder: Path) -> None:
    """CLIP's tokenizer with single letters for words; the special tokens are where they belong."""
    letters = string.ascii_lowercase + string.digits + string.punctuation
    words = {letter: row for row, letter in enumerate([*letters, *(f"{letter}</w>" for letter in letters)])}
    ends = {"<|startoftext|>": sizes.vocabulary - 2, "<|endoftext|>": sizes.vocabulary - 1}
    (folder / "vocab.json").write_text(json.dumps(words | ends), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")


def write_random(name: str, folder: Path, dtype: torch.dtype = torch.float32) -> Path:
    """Write the whole folder, `name` is base or large; returns the path of the pickle."""
    file = FILES[name]
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(PUBLISHED[file], folder)
    return write_flax(random_weights(PUBLISHED[file], dtype), folder / file)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(FILES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dtype", choices=("float16", "bfloat16", "float32"), default="float32", help="as stored")
    options = parser.parse_args()
    path = write_random(options.name, options.folder, getattr(torch, options.dtype))
    print(f"{path}: {path.stat().st_size / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
