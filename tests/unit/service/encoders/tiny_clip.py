"""Tiny checkpoints of the CLIP family with random weights, made in a folder as the hub would give them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    ChineseCLIPConfig,
    ChineseCLIPModel,
    CLIPConfig,
    CLIPModel,
    PreTrainedModel,
    SiglipConfig,
    SiglipModel,
)
from transformers.models.bert.tokenization_bert import BertTokenizer

POEM = "枯藤老树昏鸦"
SIDE = 32
TOWER = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
_VISION = {**TOWER, "image_size": SIDE, "patch_size": 8}
_CLIP_IMAGES = {
    "crop_size": SIDE,
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor",
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "size": SIDE,
}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def make_clip(folder: Path) -> Path:
    """A CLIPModel: byte-pair tokens of single letters, 77 positions, vectors of 12 numbers."""
    words = ["<|startoftext|>", *_LETTERS, *(letter + "</w>" for letter in _LETTERS), "<|endoftext|>"]
    ends = {"bos_token_id": 0, "eos_token_id": len(words) - 1, "pad_token_id": len(words) - 1}
    text = {**TOWER, "vocab_size": len(words), "max_position_embeddings": 77, **ends}
    save(CLIPModel(seeded(CLIPConfig(text_config=text, vision_config=_VISION, projection_dim=12))), folder)
    write(folder / "vocab.json", {word: number for number, word in enumerate(words)})
    (folder / "merges.txt").write_text("#version: 0.2\n")
    write(folder / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77})
    write(folder / "preprocessor_config.json", _CLIP_IMAGES)
    return folder


def make_chinese_clip(folder: Path) -> Path:
    """A ChineseCLIPModel: one token a character, a position table longer than the context of 52."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(POEM + "红色的杯子")]
    text = {**TOWER, "vocab_size": len(words), "max_position_embeddings": 128, "pad_token_id": 0}
    config = ChineseCLIPConfig(text_config=text, vision_config=_VISION, projection_dim=12)
    save(ChineseCLIPModel(seeded(config)), folder)
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    write(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "model_max_length": 512})
    stretched = {**_CLIP_IMAGES, "do_center_crop": False, "size": {"height": SIDE, "width": SIDE}}
    write(folder / "preprocessor_config.json", {**stretched, "image_processor_type": "ChineseCLIPImageProcessor"})
    return folder


def make_siglip(folder: Path) -> Path:
    """A SiglipModel with 64 positions, all of them always filled; a tokenizer without sentencepiece."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_LETTERS, *("##" + letter for letter in _LETTERS)]
    text = {**TOWER, "vocab_size": len(words), "max_position_embeddings": 64, "projection_size": 16}
    save(SiglipModel(seeded(SiglipConfig(text_config=text, vision_config=_VISION))), folder)
    tokenizer = BertTokenizer(vocab={word: number for number, word in enumerate(words)})
    tokenizer.save_pretrained(folder)
    write(
        folder / "preprocessor_config.json",
        {
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
            "image_processor_type": "SiglipImageProcessor",
            "resample": 3,
            "rescale_factor": 1 / 255,
            "size": {"height": SIDE, "width": SIDE},
        },
    )
    return folder


def seeded(config: Any) -> Any:
    """The configuration, after seeding what makes its weights."""
    torch.manual_seed(7)
    return config


def save(model: PreTrainedModel, folder: Path) -> None:
    """With weights large enough that queries differ: fresh ones are close to zero."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)
    model.save_pretrained(folder)


def write(path: Path, content: dict[str, Any]) -> None:
    """As JSON."""
    path.write_text(json.dumps(content), encoding="utf-8")
