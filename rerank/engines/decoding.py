"""Shared by the engines on transformers: an answer in token ids, when to stop, and decoding the output."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from typing import Any, Protocol

import torch
from transformers import StoppingCriteria

from rerank.answer import ANSWER_PREFIX, ANSWER_SEPARATOR, ANSWER_SUFFIX
from rerank.deadline import check_deadline
from rerank.engines.engine import Generation
from rerank.errors import EngineError
from rerank.labels import LABELS
from rerank.permutation import PermutationSpec

__all__ = [
    "AnswerEnd",
    "StopAtDeadline",
    "Tokenizer",
    "answer_start",
    "label_logits",
    "permutation_spec",
    "to_generation",
    "to_text",
]

_END = re.compile(r'(?<!\\)"\s*\}')
"""The end of the JSON object: a quote that is not escaped, and the brace."""


class Tokenizer(Protocol):
    """The part of a transformers tokenizer that is used here."""

    def encode(self, text: Any, *, add_special_tokens: bool) -> Any:
        """Text → ids."""

    def decode(self, token_ids: Any, skip_special_tokens: bool, **kwargs: Any) -> Any:
        """Ids → text."""


def permutation_spec(
    tokenizer: Tokenizer,
    labels: Sequence[str],
    *,
    prefix: str = ANSWER_PREFIX,
    separator: str = ANSWER_SEPARATOR,
    suffix: str = ANSWER_SUFFIX,
) -> PermutationSpec:
    """The answer `prefix label (separator label)* suffix` in ids, each label one token.

    Whole answers are tokenized and compared, so that the ids are those of such text; if neighbors merge into one
    token, the pieces are tokenized alone and have to give the same text when decoded.

    Raises:
        EngineError: no labels, more than 26 or equal ones, or this tokenizer cannot write each as one token.
    """
    text = _Text(prefix, separator, suffix)
    for derive in (_in_context, _by_pieces):
        spec = _made(derive(tokenizer, labels, text))
        if spec is not None and _writes(tokenizer, spec, labels, text):
            return spec
    raise EngineError(_unwritable(labels))


def answer_start(tokenizer: Tokenizer, labels: Sequence[str], prefix: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ids of `prefix`, and of each label that may follow it, one token each.

    With a prefix that ends in a space the space belongs to the labels if the tokenizer writes it so (" A").
    EngineError if this tokenizer cannot.
    """
    rows = [_encode(tokenizer, prefix + label) for label in _probes(labels)]
    if rows and _varying(rows) == [len(rows[0]) - 1]:
        start, ids = tuple(rows[0][:-1]), tuple(row[-1] for row in rows)
    else:
        pieces = [_encode(tokenizer, label) for label in _probes(labels)]
        start, ids = tuple(_encode(tokenizer, prefix)), tuple(piece[0] for piece in pieces if len(piece) == 1)
    written = [to_text(tokenizer, (*start, token)) for token in ids]
    if not written or written != [(prefix + label).strip() for label in _probes(labels)]:
        raise EngineError(_unwritable(labels))
    return start, ids[: len(labels)]


class StopAtDeadline(StoppingCriteria):
    """Raises EngineTimeout inside `generate` at the first token after the deadline, or after the caller has
    disconnected.
    """

    def __init__(self, deadline: float | None) -> None:
        self.deadline = deadline

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """Never stops: [rows] of False."""
        check_deadline(self.deadline)
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


class AnswerEnd(StoppingCriteria):
    """Stops a row once the JSON object is closed: nothing after it would be read.

    `start` is the width of `input_ids` when the free text begins: prompt plus the answer's pattern.
    """

    def __init__(self, tokenizer: Tokenizer, start: int) -> None:
        self.tokenizer, self.start = tokenizer, start

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """[rows], True if the answer is complete."""
        over = [bool(_END.search(to_text(self.tokenizer, row))) for row in input_ids[:, self.start :].tolist()]
        return torch.tensor(over, dtype=torch.bool, device=input_ids.device)


def label_logits(logits: torch.Tensor, ids: Sequence[int]) -> tuple[float, ...]:
    """The logits of some tokens, in the order of `ids`, from those of one position [vocabulary]."""
    chosen = logits[torch.tensor(ids, device=logits.device)]
    return tuple(chosen.float().tolist())


def to_text(tokenizer: Tokenizer, ids: Iterable[int]) -> str:
    """The text that ids stand for, without special tokens and surrounding space."""
    return str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)).strip()


def to_generation(
    tokenizer: Tokenizer,
    generated: Sequence[int],
    *,
    limit: int,
    prompt_tokens: int,
    prefix: Sequence[int] = (),
    stop_ids: Collection[int] = (),
    label_scores: tuple[float, ...] | None = None,
) -> Generation:
    """The result of one row of `generate`.

    Args:
        tokenizer: turns the ids into text.
        generated: the new ids, prompt excluded; what stands behind the first of `stop_ids` is padding.
        limit: the `max_new_tokens` of the call; that many ids without an end are a truncated answer.
        prompt_tokens: length of the prompt.
        prefix: ids of the answer's beginning, if it was given as a part of the prompt.
        stop_ids: the ids at which the model ends its turn; they are counted, not written.
        label_scores: passed through.
    """
    end = next((place for place, token in enumerate(generated) if token in stop_ids), None)
    words = generated if end is None else generated[:end]
    text = to_text(tokenizer, (*prefix, *words))
    whole = end is not None or len(generated) < limit
    count = len(generated) if end is None else end + 1
    return Generation(text, "stop" if whole else "length", label_scores, prompt_tokens, count)


def _unwritable(labels: Sequence[str]) -> str:
    return f"This model's tokenizer cannot write each of the labels {', '.join(labels)} as one token."


class _Text(tuple[str, str, str]):
    """Prefix, separator and suffix of an answer as text."""

    __slots__ = ()

    def __new__(cls, prefix: str, separator: str, suffix: str) -> "_Text":
        return super().__new__(cls, (prefix, separator, suffix))

    def around(self, labels: Iterable[str]) -> str:
        """The whole answer."""
        prefix, separator, suffix = self
        return prefix + separator.join(labels) + suffix


_Pieces = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]
_Derive = Callable[[Tokenizer, Sequence[str], _Text], _Pieces | None]


def _in_context(tokenizer: Tokenizer, labels: Sequence[str], text: _Text) -> _Pieces | None:
    """Ids from whole answers of two labels: the two positions where these answers differ are those of the labels."""
    probes = _probes(labels)
    rows = [_encode(tokenizer, text.around(pair)) for pair in zip(probes, (*probes[1:], *probes[:1]), strict=True)]
    varying = _varying(rows)
    if len(varying) != 2:
        return None
    first, second = varying
    ids = [row[first] for row in rows]
    if [row[second] for row in rows] != [*ids[1:], *ids[:1]]:
        return None
    return rows[0][:first], ids[: len(labels)], rows[0][first + 1 : second], rows[0][second + 1 :]


def _by_pieces(tokenizer: Tokenizer, labels: Sequence[str], text: _Text) -> _Pieces | None:
    """Ids of each piece alone; None if a label is not one token."""
    prefix, separator, suffix = (_encode(tokenizer, piece) for piece in text)
    ids = [_encode(tokenizer, label) for label in labels]
    return (prefix, [*chain(*ids)], separator, suffix) if all(len(one) == 1 for one in ids) else None


def _made(pieces: _Pieces | None) -> PermutationSpec | None:
    """The spec of these ids; None if two labels share one (an unknown token), or there are too many or none."""
    if pieces is None:
        return None
    try:
        return PermutationSpec(*map(tuple, pieces))
    except ValueError:
        return None


def _writes(tokenizer: Tokenizer, spec: PermutationSpec, labels: Sequence[str], text: _Text) -> bool:
    """Whether the ids of two opposite rankings are read back as exactly their text."""
    for order in (range(len(labels)), range(len(labels))[::-1]):
        due = iter(order)
        ids = [spec.labels[next(due)] if token is None else token for token in spec.pattern]
        if to_text(tokenizer, ids) != text.around(labels[place] for place in order).strip():
            return False
    return True


def _probes(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels, joined by another one where there is only one: a difference requires two."""
    return (*labels, next(other for other in LABELS if other not in labels)) if len(labels) == 1 else tuple(labels)


def _varying(rows: Sequence[Sequence[int]]) -> list[int]:
    """The places at which rows of equal length differ; none if their lengths do."""
    if not rows or len({len(row) for row in rows}) != 1:
        return []
    return [place for place, column in enumerate(zip(*rows, strict=True)) if len(set(column)) > 1]


def _encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids of a text, no special tokens around it."""
    return list(tokenizer.encode(text, add_special_tokens=False)) if text else []
