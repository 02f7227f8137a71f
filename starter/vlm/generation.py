"""Greedy decoding with a cache; tokens that a constraint fully determines cost no forward pass.

Labels are scored once, where the first is due, and follow in the order of those scores, each the most likely of those
left (Plackett 1975, Luce 1959): on development lists that orders better than asking again at every step.
"""

import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache

from starter.vlm.decoder import Decoder
from starter.vlm.sequence import Candidates
from starter.vlm.vocabulary import END

AllowedNext = Callable[[Sequence[int]], AbstractSet[int] | None]
"""Tokens so far → the tokens that may follow, or None if anything may."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A decoded answer.

    `label_scores` are the pointers at the first ranking step, one per candidate; None if there was no choice to make.
    """

    text: str
    complete: bool
    label_scores: tuple[float, ...] | None
    prompt_tokens: int
    generated_tokens: int


class Generation:
    """The state of one decoding: cache, tokens so far, and those the decoder has not read yet."""

    def __init__(self, decoder: Decoder, prompt: Tensor, candidates: Candidates | None, deadline: float | None) -> None:
        self._decoder, self._deadline = decoder, deadline
        self._cache = DynamicCache()
        self._prompt_tokens = len(prompt)
        hidden = self._read(prompt.unsqueeze(0))
        self._candidates = candidates
        self._ends = None if candidates is None else hidden[:, candidates.ends]
        self._last = hidden[:, -1:]
        self._unread: list[int] = []
        self._unspoken = torch.tensor(decoder.vocabulary.unspoken)
        self.tokens: list[int] = []
        self.label_scores: tuple[float, ...] | None = None

    def _read(self, embedded: Tensor) -> Tensor:
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise TimeoutError("the deadline passed while decoding")
        return self._decoder(embedded, cache=self._cache)

    def _hidden(self) -> Tensor:
        if self._unread:
            self._last = self._read(self._decoder.embed(torch.tensor([self._unread])))[:, -1:]
            self._unread = []
        return self._last

    def _label(self, allowed: AbstractSet[int]) -> int:
        """The best of the labels that are left, by their scores at the first ranking step (Plackett and Luce)."""
        scores = self.label_scores = self.label_scores or self._scores()
        labels = zip(self._decoder.vocabulary.label_ids, scores, strict=False)
        return max((score, token) for token, score in labels if token in allowed)[1]

    def _scores(self) -> tuple[float, ...]:
        assert self._candidates is not None and self._ends is not None
        pointers = self._decoder.pointers(self._hidden(), self._ends)[0, 0]
        return tuple((pointers + self._candidates.prior).tolist())

    def _due(self, allowed: AbstractSet[int]) -> int:
        return next(iter(allowed)) if len(allowed) == 1 else self._label(allowed)

    def _word(self) -> int:
        logits = self._decoder.word_logits(self._hidden())[0, 0]
        return int(logits.index_fill(0, self._unspoken, -torch.inf).argmax())

    def step(self, allowed: AbstractSet[int] | None) -> int:
        """Choose, record and return the next token."""
        token = self._word() if allowed is None else self._due(allowed)
        self.tokens.append(token)
        self._unread.append(token)
        return token

    def result(self, complete: bool) -> Generated:
        """What has been decoded."""
        text = self._decoder.vocabulary.decode(self.tokens)
        return Generated(text, complete, self.label_scores, self._prompt_tokens, len(self.tokens))


def decode(
    decoder: Decoder,
    prompt: Tensor,
    candidates: Candidates | None,
    *,
    allowed_next: AllowedNext,
    limit: int,
    deadline: float | None,
) -> Generated:
    """Decode until END or `limit` tokens.

    Args:
        decoder: the language side.
        prompt: embedded prompt [t, 320].
        candidates: what the labels stand for; None if no label may follow.
        allowed_next: the constraint. Where it leaves one token only, the model is not asked.
        limit: most tokens to decode.
        deadline: `time.monotonic` value.

    Raises:
        TimeoutError: the deadline passed.
    """
    generation, end = Generation(decoder, prompt, candidates, deadline), decoder.vocabulary.id(END)
    while len(generation.tokens) < limit:
        if generation.step(allowed_next(generation.tokens)) == end:
            return generation.result(complete=True)
    return generation.result(complete=False)


def first_scores(
    decoder: Decoder, prompt: Tensor, candidates: Candidates, prefix: int, deadline: float | None
) -> Tensor:
    """Label scores [c] at the first ranking step, in one pass over the prompt [t, 320] and the token before it.

    Raises:
        TimeoutError: the deadline passed.
    """
    if deadline is not None and time.monotonic() >= deadline:
        raise TimeoutError("the deadline passed before the prompt was read")
    hidden = decoder(torch.cat((prompt, decoder.embed(torch.tensor([prefix])))).unsqueeze(0))
    return decoder.pointers(hidden[:, -1:], hidden[:, candidates.ends])[0, 0] + candidates.prior
