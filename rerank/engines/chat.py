"""The chat format of a checkpoint: a prompt and images in, the tensors of its model out.

The text of a prompt is data to the chat format: it contains product titles and the shopper's text. Strings that the
tokenizer would read as one of its own marks (`<|im_end|>`, `<image>`) are broken by a space, and it is checked that
none is left, so that no text can end a turn, open another or claim an image.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from jinja2 import TemplateError
from PIL.Image import Image

from rerank.errors import EngineError

__all__ = ["Chat"]

_PROBE = "answer"
_ROUNDS = 4


class Chat:
    """Wraps a transformers processor with a chat template. EngineError if it has none or cannot show images."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        self.tokenizer: Any = getattr(processor, "tokenizer", None)
        if self.tokenizer is None or not hasattr(processor, "image_processor"):
            raise EngineError("This checkpoint has no processor for images and text.")
        template = getattr(processor, "chat_template", None)
        if not template:
            raise EngineError("This checkpoint has no chat template; take an instruction-tuned model.")
        # Models that can think aloud would spend the answer's tokens on thoughts.
        self._options = {"enable_thinking": False} if "enable_thinking" in str(template) else {}
        self.lead, self.turn_end = self._answer_surroundings()

    def inputs(self, prompt: str, images: Sequence[Image], answer: Sequence[int] = ()) -> Any:
        """The tensors of one turn: the images, then the prompt, then the first ids of the model's answer.

        EngineError if the prompt cannot be sanitized; ValueError if the processor refuses the images.
        """
        text = self._render([_turn("user", self.harmless(prompt), len(images))], add_generation_prompt=True)
        begins = self.tokenizer.bos_token is not None and text.startswith(self.tokenizer.bos_token)
        inputs = self.processor(
            text=[text],
            images=[list(images)] if images else None,
            return_tensors="pt",
            add_special_tokens=not begins,
        )
        return _extended(inputs, answer)

    def harmless(self, text: str) -> str:
        """The text with a space inside everything that the tokenizer would read as one of its own marks.

        EngineError if one is left after all.
        """
        for _ in range(_ROUNDS):
            text = self._marks.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)
        if self._mark_ids.intersection(self.tokenizer.encode(text, add_special_tokens=False)):
            raise EngineError("the prompt contains a chat token of this model that could not be removed")
        return text

    @cached_property
    def marks(self) -> frozenset[str]:
        """Every string that the tokenizer or the processor treats as a mark: special and added tokens, placeholders.

        Added words and runs of spaces do not count: nothing is made of them but text.
        """
        added = (token.content for token in self.tokenizer.added_tokens_decoder.values())
        own = (value for name, value in vars(self.processor).items() if name.endswith("_token"))
        found = {*added, *self.tokenizer.all_special_tokens, *(value for value in own if isinstance(value, str))}
        return frozenset(mark for mark in found if len(mark) > 1 and re.search(r"[^\w\s]", mark))

    @cached_property
    def _marks(self) -> re.Pattern[str]:
        longest_first = sorted(self.marks, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    @cached_property
    def _mark_ids(self) -> set[int]:
        known = self.tokenizer.get_vocab()
        return {known[mark] for mark in self.marks if mark in known} - {self.tokenizer.unk_token_id}

    def _answer_surroundings(self) -> tuple[str, int | None]:
        """The space the template puts before an answer, and the token it puts after one (None if it is no mark).

        Derived from a rendered conversation: what it has beyond the prompt is the answer and what surrounds it.
        """
        try:
            prompt = self._render([_turn("user", _PROBE, 1)], add_generation_prompt=True)
            whole = self._render([_turn("user", _PROBE, 1), _turn("assistant", _PROBE)])
        except (TemplateError, TypeError, ValueError) as error:
            raise EngineError("The chat template of this checkpoint does not accept an image and a text.") from error
        lead, _, tail = whole.removeprefix(prompt).partition(_PROBE) if whole.startswith(prompt) else ("", "", "")
        end = self._marks.match(tail.lstrip())
        return "" if lead.strip() else lead, self.tokenizer.convert_tokens_to_ids(end[0]) if end else None

    def _render(self, turns: list[dict[str, Any]], *, add_generation_prompt: bool = False) -> str:
        text = self.processor.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=add_generation_prompt, **self._options
        )
        return str(text)


def _turn(role: str, text: str, images: int = 0) -> dict[str, Any]:
    """One message: its images, then its text."""
    return {"role": role, "content": [*({"type": "image"} for _ in range(images)), {"type": "text", "text": text}]}


def _extended(inputs: Any, ids: Sequence[int]) -> Any:
    """The inputs [1, t, …] with more text appended: masks and type ids continue as at the last token of the prompt."""
    if not ids:
        return inputs
    length = inputs["input_ids"].shape[1]
    for name, value in inputs.items():
        if name == "input_ids":
            inputs[name] = torch.cat([value, value.new_tensor([ids])], dim=1)
        elif name.endswith(("mask", "ids")) and value.shape[:2] == (1, length):
            inputs[name] = torch.cat([value, *[value[:, -1:]] * len(ids)], dim=1)
    return inputs
