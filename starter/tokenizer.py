"""MiniLM's WordPiece tokenizer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from starter.minilm import MINILM

MOST = 512
"""Tokens that MiniLM has positions for."""


class Tokens(NamedTuple):
    """Texts as BERT reads them: ids and mask [n, t], and which texts were cut."""

    ids: Tensor
    mask: Tensor
    cut: NDArray[np.bool_]


class WordPieces:
    """Texts → token ids. Safe to use from several threads: it keeps no state of a call, as a padding would be."""

    def __init__(self) -> None:
        """Read the file of MiniLM's package."""
        self._tokenizer = Tokenizer.from_file(str(MINILM / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def pieces(self, text: str) -> list[int]:
        """Token ids of a text, without [CLS] and [SEP]."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def batch(self, texts: Sequence[str], limit: int) -> Tokens:
        """n texts of at most `limit` tokens each, [CLS] and [SEP] among them; the longest one gives t."""
        whole = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        rows = [ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]] for ids in whole]
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)  # 0 is [PAD]
        mask = torch.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, : len(row)], mask[number, : len(row)] = torch.tensor(row), 1
        return Tokens(ids, mask, np.asarray([len(one) > limit for one in whole]))
