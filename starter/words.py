"""MiniLM as published, for words alone; it shares its word vectors with the updated copy in the trained embedder."""

from collections.abc import Sequence

import torch
from torch import Tensor

from service.encoders.compiled.choice import Pass
from service.encoders.options import BackendName
from starter.embedder import StarterEmbedder
from starter.minilm import load_minilm
from starter.passes import pool

_BATCH = 64


def published(backend: BackendName) -> Pass:
    """The pass of `Passes.pool` for MiniLM as published."""
    return pool(load_minilm(), backend)


class WordEncoder:
    """Sentence vectors: the mean over the tokens of the last layer, unit length, [n, 384]."""

    def __init__(self, trained: StarterEmbedder, pool: Pass) -> None:
        """Take the embedder whose tokenizer and word vectors to share: those it did not change; `pool`: `published`."""
        self._tokenize = trained.tokenize
        self._words = trained.passes.words
        self._pool = pool

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """[n, 384] for n texts; what does not fit is cut."""
        parts = [self._tokenize(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return torch.cat([self.pooled(ids, mask) for ids, mask, _ in parts])

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """[n, 384] for token ids and mask [n, t]."""
        vectors: Tensor = self._pool(self._words(ids), mask)
        return vectors
