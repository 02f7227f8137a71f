"""MiniLM as published, for words alone; it shares its word vectors with the updated copy in the trained embedder."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from starter.embedder import StarterEmbedder
from starter.minilm import load_minilm

_BATCH = 64


class WordEncoder:
    """Sentence vectors: the mean over the tokens of the last layer, unit length, [n, 384]."""

    def __init__(self, trained: StarterEmbedder) -> None:
        """Take the embedder whose tokenizer and word vectors to share: those it did not change."""
        self._tokenize = trained.tokenize
        self._minilm = load_minilm()
        self._minilm.embeddings = trained.composer.bert.embeddings

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """[n, 384] for n texts; what does not fit is cut."""
        parts = [self._tokenize(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return torch.cat([self.pooled(ids, mask) for ids, mask, _ in parts])

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """[n, 384] for token ids and mask [n, t]."""
        hidden = self._minilm(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        return functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=-1)
