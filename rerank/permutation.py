"""Constrained decoding: the model can only write each label exactly once.

An answer is `prefix label (separator label)* suffix`, all of known length as every label is one token. So the state of
the automaton is the number of generated tokens plus the set of labels already written: a pure function of the
generated ids, which makes it right for batches and beams alike, and it always leaves at least one token allowed.

For remote engines the same language is written as a parametric grammar of llguidance
(docs/parametric.md of that project), since JSON schema cannot say "each exactly once".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from transformers import LogitsProcessor

from rerank.answer import ANSWER_PREFIX, ANSWER_SEPARATOR, ANSWER_SUFFIX
from rerank.labels import MAX_LABELS

__all__ = [
    "PermutationLogitsProcessor",
    "PermutationSpec",
    "permutation_grammar",
]

_FLOOR = 1e4
"""Stands in for an infinite or undefined logit, so that a label which is still due is never masked by it."""


@dataclass(frozen=True)
class PermutationSpec:
    """The answer in the ids of one tokenizer. ValueError without labels, with more than 26, or with equal ones."""

    prefix: tuple[int, ...]
    labels: tuple[int, ...]
    """One token a candidate, in retrieval order."""
    separator: tuple[int, ...]
    suffix: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.labels) <= MAX_LABELS or len(set(self.labels)) != len(self.labels):
            raise ValueError(f"1…{MAX_LABELS} different label tokens are needed, not {self.labels}")

    @cached_property
    def pattern(self) -> tuple[int | None, ...]:
        """The whole answer, one entry a step: the token due there, or None if a label is."""
        ranking = (None, *self.separator) * len(self.labels)
        return (*self.prefix, *ranking[: len(ranking) - len(self.separator)], *self.suffix)

    @cached_property
    def slots(self) -> range:
        """The steps at which labels are written."""
        stride = 1 + len(self.separator)
        return range(len(self.prefix), len(self.prefix) + stride * len(self.labels), stride)


class PermutationLogitsProcessor(LogitsProcessor):
    """The automaton as a mask inside `generate`: greedy, sampling or beams, any batch, any device.

    `prompt_length` is the width of `input_ids` at the first step: the padded prompt length, or 0 where the prompt
    is passed as `inputs_embeds` alone. One instance serves one call of `generate`.
    """

    def __init__(self, spec: PermutationSpec, prompt_length: int) -> None:
        self.spec = spec
        self.prompt_length = prompt_length
        self.label_scores: torch.Tensor | None = None
        """Float32 [rows, labels]: the scores of the labels, before the mask, at the first ranking step."""
        self._labels = torch.tensor(spec.labels)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Mask `scores` [rows, vocabulary] by `input_ids` [rows, prompt + generated]; both stay on their device."""
        step = input_ids.shape[1] - self.prompt_length
        if step < 0:
            raise ValueError(f"{input_ids.shape[1]} input ids, but the declared prompt has {self.prompt_length}")
        if step >= len(self.spec.pattern):
            return scores
        masked = torch.full_like(scores, -torch.inf)
        token = self.spec.pattern[step]
        if token is None:
            masked[:, self._on(scores)] = self._due(input_ids, scores, step)
        else:
            masked[:, token] = 0.0  # certain: it must not count in the sum of a beam
        return masked  # type: ignore[return-value]

    def _due(self, input_ids: torch.Tensor, scores: torch.Tensor, step: int) -> torch.Tensor:
        """Scores of the labels [rows, labels], -inf for those already written."""
        labels, slots = self._on(scores), self.spec.slots
        label_scores = scores[:, labels]
        if step == slots.start:
            self.label_scores = label_scores.detach().float()
        first, last = self.prompt_length + slots.start, self.prompt_length + step
        written = input_ids[:, first : last : slots.step]
        used = (written.unsqueeze(-1) == labels).any(dim=1)
        finite = torch.nan_to_num(label_scores, nan=-_FLOOR, neginf=-_FLOOR, posinf=_FLOOR)
        return finite.masked_fill(used, -torch.inf)

    def _on(self, scores: torch.Tensor) -> torch.Tensor:
        """The label ids on the device of the scores; moved once."""
        self._labels = self._labels.to(scores.device)
        return self._labels


def permutation_grammar(
    labels: Sequence[str],
    *,
    prefix: str = ANSWER_PREFIX,
    separator: str = ANSWER_SEPARATOR,
    suffix: str = ANSWER_SUFFIX,
    reason_limit: int = 400,
) -> str:
    """The whole JSON answer, reason included, as llguidance grammar text: bit i of the parameter is label i.

    Right recursion on purpose: written left-recursively the parser would hold 2^n items.
    ValueError without labels, with more than 26, or with equal ones.
    """
    n = len(labels)
    if not 1 <= n <= MAX_LABELS or len(set(labels)) != n:
        raise ValueError(f"1…{MAX_LABELS} different labels are needed, not {labels}")
    first = "\n     | ".join(f"{_quoted(label)} rest::set_bit({i})" for i, label in enumerate(labels))
    more = (f"{_quoted(separator + label)} rest::set_bit({i}) %if bit_clear({i})" for i, label in enumerate(labels))
    rest = "\n     | ".join((f'"" %if is_ones([0:{n}])', *more))
    return (
        f'start: {_quoted(prefix)} first::0x0 {_quoted(suffix)} REASON "\\"}}"\n'
        f"first::_ : {first}\n"
        f"rest::_ : {rest}\n"
        f'REASON: /[^"\\\\\\x00-\\x1f]{{0,{reason_limit}}}/\n'
    )


def _quoted(text: str) -> str:
    """A grammar string literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
