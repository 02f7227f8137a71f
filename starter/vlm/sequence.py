"""The decoder's input layout: task mark, query image, its vectors, words, then the candidates.

    <rank> [<image> 8 tokens, vector] composed vector, words, then per candidate: label, 8 tokens, end; <order>

A candidate's end has its own vector and its similarities to the query; the pointers refer to it, at the last step.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from starter.vlm.decoder import TokenEmbedder
from starter.vlm.eyes import LIKENESSES, Eyes, Seen
from starter.vlm.vocabulary import LABELS, ORDER


@dataclass(frozen=True, slots=True)
class Shown:
    """n images of a question: what was seen of them, and the embedder's vectors [n, 384]."""

    seen: Seen
    vectors: Tensor


@dataclass(frozen=True, slots=True)
class Candidates:
    """c images of a list: image tokens of the whole as the decoder reads them [c, 8, 320], details of the middle
    [c, 49, 129], and the embedder's vectors [c, 384].
    """

    tokens: Tensor
    details: Tensor
    vectors: Tensor


@dataclass(frozen=True, slots=True)
class Question:
    """One list to rank: the query's image (one row of `Shown`, or None), words and vectors, and its candidates."""

    image: Shown | None
    words: list[int]
    composed: Tensor
    written: Tensor | None
    candidates: Candidates


@dataclass(frozen=True, slots=True)
class Places:
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
        details = eyes.compare(question.image.seen.details, question.candidates.details)
        return torch.cat((found[:, :3], details), 1)
    return found


def rank_prompt(eyes: Eyes, embedder: TokenEmbedder, question: Question) -> tuple[Tensor, Places]:
    """Embedded prompt [t, 320], and where its candidates are."""
    before = torch.cat(_asked(eyes, embedder, question))
    alike, shown = likenesses(eyes, question), question.candidates
    count = len(shown.vectors)
    closing = embedder.marks("<candidate>") + eyes.show_vectors(shown.vectors) + eyes.likeness(alike * 4)
    blocks = torch.cat((embedder.marks(*LABELS[:count]).unsqueeze(1), shown.tokens, closing.unsqueeze(1)), 1)
    ends = len(before) - 1 + blocks.shape[1] * torch.arange(1, count + 1)
    prompt = torch.cat((before, blocks.flatten(0, 1), embedder.marks(ORDER)))
    return prompt, Places(ends, eyes.prior(alike).squeeze(-1))


def _asked(eyes: Eyes, embedder: TokenEmbedder, question: Question) -> list[Tensor]:
    """What stands before the candidates."""
    parts = [embedder.marks("<rank>")]
    if (image := question.image) is not None:
        shown = eyes.show_tokens(image.seen.tokens.whole)[0]
        parts += [embedder.marks("<picture>"), shown, eyes.show_vectors(image.vectors)]
    parts.append(eyes.show_vectors(question.composed).unsqueeze(0))
    if question.words:
        parts.append(embedder.embed(torch.tensor(question.words)))
    return parts
