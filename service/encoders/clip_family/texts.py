"""Texts → token ids that fit, for the tokenizers of the CLIP family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoTokenizer

from service.encoders.text_cleaning import canonicalize

Cleaning = Literal["none", "lowercase", "canonicalize"]
_CLEANERS: dict[Cleaning, Callable[[str], str]] = {
    "none": str,
    "lowercase": str.lower,
    "canonicalize": canonicalize,
}
CHINESE_CLIP_TOKENS = 52
"""Context with which Chinese-CLIP was trained (arXiv 2211.01335); its position table alone would let 512 through."""

GEMMA_VOCABULARY = 256_000
"""Tokens that Gemma's tokenizer knows; those of SigLIP 1 know 32,000, or 250,000 in the multilingual one."""


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """`inputs`: what the text tower takes, tensors [n, length] in the order of `TextReader.names`; `truncated`: whether
    each text was cut.
    """

    inputs: list[torch.Tensor]
    truncated: list[bool]


class TextReader:
    """A tokenizer with its limit. Not for several threads at once: it keeps padding and truncation as a state."""

    def __init__(
        self, tokenizer: Any, limit: int, *, fixed_length: bool, masked: bool = False, cleaning: Cleaning = "none"
    ) -> None:
        """`fixed_length`: pad every text to the limit, as SigLIP was trained. `masked`: give a mask of what is not
        padding, which a tower needs that reads both ways. CLIP's reads forward, up to the end of the text.

        `cleaning`: what is done to a text before.
        """
        self._tokenizer = tokenizer
        self.limit = limit
        self._fixed = fixed_length
        self.names = ("input_ids", "attention_mask") if masked else ("input_ids",)
        self.cleaning: Cleaning = cleaning

    @classmethod
    def load(cls, folder: Path, model_type: str, positions: int, cleaning: Cleaning = "none") -> TextReader:
        """Read the tokenizer in `folder`; `positions` is the text tower's limit.

        Raises OSError, ValueError or ImportError as transformers does if files or packages are missing.
        """
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        limit = min(positions, CHINESE_CLIP_TOKENS) if model_type == "chinese_clip" else positions
        siglip = model_type in ("siglip", "siglip2")
        if cleaning == "none" and siglip and _is_gemmas(tokenizer):
            cleaning = "lowercase"
        masked = model_type in ("chinese_clip", "tipsv2")
        return cls(tokenizer, limit, fixed_length=siglip, masked=masked, cleaning=cleaning)

    def read(self, texts: Sequence[str]) -> TokenBatch:
        """Tokens of a batch. A text that does not fit is cut at the end; its closing token stays."""
        texts = [_CLEANERS[self.cleaning](_well_formed(text)) for text in texts]
        whole = self._tokenizer(texts, verbose=False)["input_ids"]
        padding = "max_length" if self._fixed else True
        inputs = self._tokenizer(
            texts, padding=padding, truncation=True, max_length=self.limit, return_tensors="pt", verbose=False
        )
        return TokenBatch([inputs[name] for name in self.names], [len(ids) > self.limit for ids in whole])


def _is_gemmas(tokenizer: Any) -> bool:
    """Whether this is Gemma's tokenizer, which SigLIP 2 uses. It keeps upper case, and SigLIP 2 has never seen any.

    See transformers' `Siglip2Tokenizer`, which lowercases; files of fixed resolution name `GemmaTokenizer` instead.
    """
    return len(tokenizer) >= GEMMA_VOCABULARY or type(tokenizer).__name__.startswith(("Gemma", "Siglip2"))


def _well_formed(text: str) -> str:
    """Half a surrogate pair, which JSON can carry, is not valid text for a tokenizer; it becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
