"""A full-size CLIP (ViT-B/32) with random weights, as the hub and as sentence-transformers have it.

Random embeddings at realistic cost. Its tokenizer knows letters alone: a text has a token for each.
"""

from __future__ import annotations

import json
import string
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPModel

from rerank.engines.processors import without_torchvision

_IMAGES = {
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "CLIPImageProcessor",
    "resample": 3,
    "size": {"shortest_edge": 224},
}


def write_clip(folder: Path) -> Path:
    """The files of transformers; loads with every version."""
    torch.manual_seed(0)
    words = ["<|startoftext|>", *string.ascii_lowercase, *(f"{one}</w>" for one in string.ascii_lowercase)]
    words.append("<|endoftext|>")
    ends = {"bos_token_id": 0, "eos_token_id": len(words) - 1, "pad_token_id": len(words) - 1}
    CLIPModel(CLIPConfig(text_config=ends)).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "pad_token": words[-1]}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    (folder / "preprocessor_config.json").write_text(json.dumps(_IMAGES))
    return folder


def as_sentence_model(clip: Path, folder: Path) -> Path:
    """The same weights as sentence-transformers saves them."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 (an extra)

    with without_torchvision():
        SentenceTransformer(str(clip), device="cpu", local_files_only=True).save_pretrained(str(folder))
    return folder
