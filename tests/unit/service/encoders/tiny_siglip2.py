"""Tiny checkpoints of SigLIP 2 and TIPS v2 with random weights, made in a folder as the hub would give them."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

from transformers import Siglip2Config, Siglip2Model, SiglipConfig, SiglipModel, Tipsv2Config, Tipsv2Model
from transformers.models.gemma.tokenization_gemma import GemmaTokenizer
from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer
from transformers.models.tipsv2.tokenization_tipsv2 import Tipsv2Tokenizer

from tests.unit.service.encoders.tiny_clip import SIDE, TOWER, save, seeded, write

PATCH, MOST_PATCHES = 8, 20
_SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁")
_BYTES = tuple(f"<0x{number:02X}>" for number in range(256))
VOCABULARY = {word: number for number, word in enumerate((*_SPECIAL, *_BYTES, *string.ascii_letters))}
# As in the tokenizer_config.json of google/siglip2-base-patch16-224.
_AS_PUBLISHED: dict[str, Any] = {"add_bos_token": False, "add_eos_token": True, "padding_side": "right"}
_HALVES = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
_TEXT = {**TOWER, "vocab_size": len(VOCABULARY), "max_position_embeddings": 64, "projection_size": 16}


def make_siglip2(folder: Path) -> Path:
    """A SigLIP 2 of fixed resolution: its files say `siglip`, and Gemma's tokenizer."""
    vision = {**TOWER, "image_size": SIDE, "patch_size": PATCH}
    save(SiglipModel(seeded(SiglipConfig(text_config=_TEXT, vision_config=vision))), folder)
    GemmaTokenizer(vocab=VOCABULARY, merges=[], **_AS_PUBLISHED).save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    write(folder / "preprocessor_config.json", {**_HALVES, "size": size, "resample": 2, "do_convert_rgb": None})
    return folder


def make_naflex(folder: Path) -> Path:
    """A Siglip2Model, which takes patches; positions of a grid of four by four are stretched to the image's."""
    vision = {**TOWER, "num_patches": 16, "patch_size": PATCH}
    save(Siglip2Model(seeded(Siglip2Config(text_config=_TEXT, vision_config=vision))), folder)
    Siglip2Tokenizer(vocab=VOCABULARY, merges=[], **_AS_PUBLISHED).save_pretrained(folder)
    sizes = {"patch_size": PATCH, "max_num_patches": MOST_PATCHES, "resample": 2}
    write(folder / "preprocessor_config.json", {**_HALVES, **sizes, "image_processor_type": "Siglip2ImageProcessor"})
    return folder


def make_tips(folder: Path) -> Path:
    """A Tipsv2Model."""
    vision = {**TOWER, "image_size": SIDE, "patch_size": PATCH, "mlp_ratio": 2}
    del vision["intermediate_size"]
    save(Tipsv2Model(seeded(Tipsv2Config(text_config=_TEXT, vision_config=vision))), folder)
    Tipsv2Tokenizer(vocab=VOCABULARY, merges=[]).save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    write(folder / "preprocessor_config.json", {"size": size, "image_processor_type": "Tipsv2ImageProcessor"})
    return folder
