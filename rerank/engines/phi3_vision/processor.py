"""Prompt → token ids, in the chat format of the published model.

    <|user|>⏎<|image_1|>⏎<|image_2|>⏎words<|end|>⏎<|assistant|>⏎

The published processor tokenizes the stretches between images one by one, so that a second `<s>` stands behind every
image; a model trained so needs it. The format is put together from ids, and words are read by a tokenizer that knows
no special tokens: whatever they spell (`<|end|>`, `<|image_1|>`, `</s>`), they stay words.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from rerank.engines.phi3_vision.image_processing import ImageCrops, cut
from rerank.errors import EngineError

__all__ = ["Phi3VisionProcessor"]

_START, _STOP, _TEXT_END = "<s>", "</s>", "<|endoftext|>"
_USER, _ASSISTANT, _END = "<|user|>", "<|assistant|>", "<|end|>"


class Phi3VisionProcessor:
    """Words and images → ids and crops. `num_crops` bounds the crops of one image: 16, 4 or 1."""

    def __init__(self, tokenizer_file: Path, num_crops: int) -> None:
        """Read tokenizer.json. EngineError if it lacks the chat tokens or cannot be read, OSError if it is missing."""
        if num_crops < 1:
            raise EngineError(f"An image needs at least one crop, not {num_crops}.")
        raw = tokenizer_file.read_text(encoding="utf-8")
        try:
            full, self._words = Tokenizer.from_str(raw), _without_special_tokens(raw)
        except Exception as error:  # tokenizers raises bare Exception
            raise EngineError("tokenizer.json is damaged. Download the model again.") from error
        self.num_crops = num_crops
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_object=full)  # type: ignore[no-untyped-call]
        self._id = {name: _id(full, name) for name in (_START, _USER, _ASSISTANT, _END, _TEXT_END, _STOP)}
        self._line = self.words("\n")

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Any of these ends the model's turn. The published configuration names only the last one."""
        return tuple(self._id[name] for name in (_END, _TEXT_END, _ASSISTANT, _STOP))

    @property
    def pad_id(self) -> int:
        """What fills up a batch."""
        return self._id[_TEXT_END]

    def words(self, text: str) -> tuple[int, ...]:
        """Ids of plain text, even if it looks like special tokens."""
        return tuple(self._words.encode(text, add_special_tokens=False).ids)

    def cut(self, image: Image.Image) -> ImageCrops:
        """An image of any size as crops for the vision tower."""
        return cut(image, self.num_crops)

    def encode(self, text: str, images: Sequence[int] = ()) -> tuple[int, ...]:
        """One turn of the user: the images, then the words.

        `images` holds the tokens of each image; -i stands in the result once for each token of image i, from 1.
        """
        start = self._id[_START]
        ids = [start, self._id[_USER]]
        for number, tokens in enumerate(images, start=1):
            ids += [*self._line, *[-number] * tokens, start]
        return (*ids, *self.words("\n" + text), self._id[_END], *self._line, self._id[_ASSISTANT])


def _without_special_tokens(raw: str) -> Tokenizer:
    """A tokenizer that treats every text as plain words: the same pieces and merges, no added tokens."""
    return Tokenizer.from_str(json.dumps({**json.loads(raw), "added_tokens": [], "post_processor": None}))


def _id(tokenizer: Tokenizer, name: str) -> int:
    token = tokenizer.token_to_id(name)
    if token is None:
        raise EngineError(f"tokenizer.json has no token {name}: it is not that of Phi-3 Vision.")
    return int(token)
