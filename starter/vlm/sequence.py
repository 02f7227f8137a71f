"""The decoder's input layout: task mark, query image, its vectors, words, then the candidates.

    <rank> [<image> 8 tokens, vector] composed vector, words, then per candidate: label, 8 tokens, end; <order>

A candidate's end has its own vector and its similarities to the query; the pointers refer to it, at the last step.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from starter.vlm.decoder import Decoder
from starter.vlm.eyes import LIKENESSES, Eyes, Seen
from starter.vlm.vocabulary import LABELS, ORDER


@dataclass(frozen=True, slots=True)
class Question:
    """One list to rank: the query's image (one row of `Seen`, or None), words and vectors, and its candidates."""

    image: Seen | None
    words: list[int]
    composed: Tensor
    written: Tensor | None
    candidates: Seen


@dataclass(frozen=True, slots=True)
class Candidates:
    """Positions of the candidates' ends in the prompt [c], and what their similarities alone say for each [c]."""

    ends: Tensor
    prior: Tensor


def likenesses(eyes: Eyes, question: Question) -> Tensor:
    """How alike each candidate is to the query in `LIKENESSES` ways; 0 where the query has no such part: [c, 5]."""
    vectors = question.candidates.vectors
    found = vectors.new_zeros(len(vectors), LIKENESSES)
    found[:, 0] = vectors @ question.composed
    if question.written is not None:
        found[:, 1] = vectors @ question.written
    if question.image is not None:
        found[:, 2] = vectors @ question.image.vectors[0]
        details = eyes.compare(question.image.details, question.candidates.details)
        return torch.cat((found[:, :3], details), 1)
    return found


def _mark(decoder: Decoder, text: str) -> Tensor:
    return decoder.embed(torch.tensor([decoder.vocabulary.id(text)]))


def _image(eyes: Eyes, decoder: Decoder, tokens: Tensor, vectors: Tensor) -> list[Tensor]:
    return [_mark(decoder, "<picture>"), eyes.show_tokens(tokens)[0], eyes.show_vectors(vectors)]


def rank_prompt(eyes: Eyes, decoder: Decoder, question: Question) -> tuple[Tensor, Candidates]:
    """Embedded prompt [t, 320], and where its candidates are."""
    parts = [_mark(decoder, "<rank>")]
    if question.image is not None:
        parts += _image(eyes, decoder, question.image.tokens.whole, question.image.vectors)
    parts.append(eyes.show_vectors(question.composed).unsqueeze(0))
    if question.words:
        parts.append(decoder.embed(torch.tensor(question.words)))
    alike = likenesses(eyes, question)
    closing = _mark(decoder, "<candidate>") + eyes.show_vectors(question.candidates.vectors) + eyes.likeness(alike * 4)
    ends, length = [], sum(len(part) for part in parts)
    for label, tokens, end in zip(LABELS, eyes.show_tokens(question.candidates.tokens.whole), closing, strict=False):
        parts += [_mark(decoder, label), tokens, end.unsqueeze(0)]
        length += len(tokens) + 2
        ends.append(length - 1)
    parts.append(_mark(decoder, ORDER))
    return torch.cat(parts), Candidates(torch.tensor(ends), eyes.prior(alike).squeeze(-1))
