"""A full-size Visualized BGE with random weights in the layout of BAAI's files: random embeddings at realistic cost.

`python -m benchmarks.random_visualized_bge visualized-bge-base-en FOLDER` writes the `.pth`, the text model's
configuration and a small tokenizer; FOLDER then serves as WITHTHIS_ENCODER_PATH.
"""

import argparse
import string
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from service.encoders.visualized_bge.checkpoint import empty_model, published_layout
from service.encoders.visualized_bge.config import PUBLISHED, Published, published, write_vision_config
from service.encoders.visualized_bge.vision import RotaryTable

# First and last token, filler and unknown, with the ids they have in the real vocabularies.
_SPECIAL = {
    "bert": {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102},
    "xlm-roberta": {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3},
}


def random_weights(model: Published, dtype: torch.dtype, seed: int = 0) -> dict[str, Tensor]:
    """Tensors with the names and shapes of the published file; norms start at one, the rotary tables are true."""
    generator = torch.Generator().manual_seed(seed)
    table = RotaryTable(model.vision)
    table.fill(model.vision)
    tables = {"freqs_cos": table.freqs_cos, "freqs_sin": table.freqs_sin}

    def value(name: str, shape: tuple[int, ...]) -> Tensor:
        last = name.rsplit(".", 1)[-1]
        if last in tables:
            return tables[last].to(dtype)
        if len(shape) < 2:
            return torch.full(shape, float(last == "weight"), dtype=dtype)
        return torch.empty(shape).normal_(0, 0.04, generator=generator).to(dtype)

    return {name: value(name, shape) for name, shape in published_layout(empty_model(model.text, model.vision)).items()}


def random_tokenizer(model: Published) -> PreTrainedTokenizerFast:
    """Splits words into letters; ids fit the model, and the special tokens are where they belong."""
    special = _SPECIAL[model.text.model_type]
    letters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [*letters, *(f"##{letter}" for letter in letters)]
    vocabulary = special | {piece: 200 + row for row, piece in enumerate(pieces)}
    by_role = dict(zip(("pad", "unk", "cls", "sep"), special, strict=True))
    if model.text.model_type != "bert":
        by_role = dict(zip(("cls", "pad", "sep", "unk"), special, strict=True))
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=by_role["unk"]))
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    first, last = by_role["cls"], by_role["sep"]
    tokenizer.post_processor = TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, special[first]), (last, special[last])]
    )
    make: Any = PreTrainedTokenizerFast  # its constructor has no types
    return cast(
        PreTrainedTokenizerFast,
        make(tokenizer_object=tokenizer, **{f"{role}_token": token for role, token in by_role.items()}),
    )


def write_random(name: str, folder: Path, dtype: torch.dtype = torch.float16) -> Path:
    """Write the whole folder; returns the path of the `.pth`."""
    model = published(name)
    folder.mkdir(parents=True, exist_ok=True)
    model.text.save_pretrained(folder)
    write_vision_config(model.vision, folder)
    random_tokenizer(model).save_pretrained(folder)
    torch.save(random_weights(model, dtype), folder / model.file)
    return folder / model.file


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(PUBLISHED))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dtype", choices=("float16", "float32"), default="float16", help="as stored; float16")
    options = parser.parse_args()
    path = write_random(options.name, options.folder, getattr(torch, options.dtype))
    print(f"{path}: {path.stat().st_size / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
