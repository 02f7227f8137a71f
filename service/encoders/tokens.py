"""Texts → token ids that fit."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer

from service.errors import EncoderUnavailable

# Upper case, accents, full-width letters, Chinese: what tokenizers of the same vocabulary may treat differently.
_PROBE = "Café DÉJÀ-vu ＡＢＣ 手机壳 12½"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Ids of one text with the special tokens at both ends, and whether words were cut off."""

    ids: list[int]
    truncated: bool


class Tokenizer:
    """A text model's own tokenizer, cutting at a length. Calls may come from several threads."""

    def __init__(
        self, folder: Path, vocab_size: int, *, kind: Any = AutoTokenizer, clean: Callable[[str], str] = str
    ) -> None:
        """Read the tokenizer of `folder`. Raises `EncoderUnavailable` if there is none or it is too large.

        `kind`: its class, where the folder need not say; `clean`: what is done to a text before.
        """
        self._clean = clean
        try:
            self._tokenizer: Any = kind.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # declared fault boundary: tokenizers raises bare Exception on damaged files
            raise EncoderUnavailable(f"The tokenizer in {folder} cannot be read.") from error
        if len(self._tokenizer) > vocab_size:
            raise EncoderUnavailable(
                f"The tokenizer in {folder} knows {len(self._tokenizer)} tokens, the model only {vocab_size}."
            )
        self._lock = threading.Lock()

    @property
    def pad_id(self) -> int:
        """Id that fills short rows."""
        return int(self._tokenizer.pad_token_id)

    @property
    def fingerprint(self) -> str:
        """Hash of the vocabulary and of how a text with many kinds of characters is split."""
        vocabulary = sorted(self._tokenizer.get_vocab().items())
        return hashlib.sha256(f"{vocabulary} {self([_PROBE], [64])[0].ids}".encode()).hexdigest()

    def __call__(self, texts: Sequence[str], limits: Sequence[int]) -> list[Tokens]:
        """Tokenize; text i gets at most `limits[i]` ids, its last one still the closing special token."""
        if not texts:
            return []
        # A lone surrogate, as broken JSON may hold, cannot be encoded; it becomes a question mark.
        sound = [self._clean(text.encode("utf-8", "replace").decode("utf-8")) for text in texts]
        with self._lock:
            rows: list[list[int]] = self._tokenizer(sound, truncation=False, padding=False, verbose=False)["input_ids"]
        return [_cut(ids, limit) for ids, limit in zip(rows, limits, strict=True)]


def _cut(ids: list[int], limit: int) -> Tokens:
    return Tokens(ids, False) if len(ids) <= limit else Tokens([*ids[: limit - 1], ids[-1]], True)


def pad(rows: Sequence[list[int]], pad_id: int) -> tuple[Tensor, Tensor | None]:
    """Rows of ids → int64 [n, longest] padded at the right, and the bool mask of real tokens (None: all are real)."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [pad_id] * (longest - len(row)) for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    mask = torch.arange(longest) < lengths[:, None]
    return ids, None if min(map(len, rows)) == longest else mask
