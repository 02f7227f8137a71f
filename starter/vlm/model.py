"""The starter VLM as one object: images and words in, text out. CPU, deterministic, no download."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from starter.embedder import StarterEmbedder, read_weights, weight_file
from starter.views import look
from starter.vlm.decoder import Decoder
from starter.vlm.eyes import Eyes, Seen
from starter.vlm.generation import AllowedNext, Generated, decode, first_scores
from starter.vlm.sequence import Candidates, Question, caption_prompt, rank_prompt
from starter.vlm.vocabulary import END, LABELS, PREFIX, SEPARATOR, SUFFIX, Vocabulary

__all__ = ["StarterVLM"]


class Parts(nn.Module):
    """Eyes and decoder: what the weight file holds."""

    def __init__(self, embedder: StarterEmbedder) -> None:
        super().__init__()
        vocabulary = Vocabulary(embedder.tokenizer)
        self.eyes = Eyes()
        self.decoder = Decoder(vocabulary, embedder.composer.bert.embeddings.word_embeddings.weight)


class StarterVLM:
    """Captions an image, and ranks up to nine candidates for a composed query; see `starter/README.md`.

    One call at a time: callers serialize. The ranking answer reads `{"ranking": ["G", "A"], "reason": "…"}`.
    """

    labels = LABELS

    def __init__(self, embedder: StarterEmbedder, parts: Parts) -> None:
        """Take loaded parts; use `load`."""
        self._embedder = embedder
        self._eyes, self._decoder = parts.eyes, parts.decoder
        self.vocabulary = self._decoder.vocabulary

    @classmethod
    def load(cls, path: Path | None = None, embedder: StarterEmbedder | None = None) -> "StarterVLM":
        """Load the weights in the package, or those of `path`, over the given or the shipped embedder.

        Raises:
            FileNotFoundError: no such file.
            RuntimeError: the file's keys or shapes are not those of this model.
        """
        embedder = embedder or StarterEmbedder.shipped()
        parts = Parts(embedder)
        parts.load_state_dict(read_weights(weight_file("vlm.safetensors", path)))
        return cls(embedder, parts.eval().requires_grad_(False))

    @property
    def scaffold(self) -> tuple[int, int, int]:
        """Ids of the answer's prefix, separator and suffix, one token each."""
        prefix, separator, suffix = (self.vocabulary.id(piece) for piece in (PREFIX, SEPARATOR, SUFFIX))
        return prefix, separator, suffix

    @torch.inference_mode()
    def see(self, images: Sequence[Image.Image], *, deadline: float | None = None) -> list[Seen]:
        """Look at images, one `Seen` each: most of the work of any question about them, so that it is worth keeping.

        Raises:
            TimeoutError: `deadline` (a `time.monotonic` value) passed.
        """
        if deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError("the deadline passed before the images were processed")
        cells = look(self._embedder.backbone, images)
        tokens = self._embedder.read(cells)
        details = cells.through(self._eyes.details)
        return Seen(tokens, details, self._embedder.compose(tokens, None, None)).single()

    @torch.inference_mode()
    def caption(self, picture: Seen, *, max_new_tokens: int, deadline: float | None = None) -> Generated:
        """Say what the one image in `picture` shows.

        Raises:
            TimeoutError: `deadline` (a `time.monotonic` value) passed.
        """
        prompt = caption_prompt(self._eyes, self._decoder, picture.tokens.whole, picture.vectors)
        answer = decode(
            self._decoder, prompt, None, allowed_next=lambda _: None, limit=max_new_tokens, deadline=deadline
        )
        return _without_end(answer)

    @torch.inference_mode()
    def rank(
        self,
        instruction: str,
        query: Seen | None,
        candidates: Sequence[Seen],
        *,
        allowed_next: AllowedNext,
        max_new_tokens: int,
        deadline: float | None = None,
    ) -> Generated:
        """Rank 1 to 9 candidate images for a query of words, an image or both, under a constraint.

        Args:
            instruction: the shopper's words; may be empty if there is an image.
            query: the query image.
            candidates: in retrieval order; they are labeled A, B, ….
            allowed_next: tokens so far → tokens that may follow, None for any (`rerank.permutation`).
            max_new_tokens: most tokens to decode.
            deadline: `time.monotonic` value.

        Raises:
            ValueError: no candidate, more than nine, or a query of nothing.
            TimeoutError: the deadline passed.
        """
        prompt, shown = self._rank_prompt(instruction, query, candidates)
        return decode(self._decoder, prompt, shown, allowed_next=allowed_next, limit=max_new_tokens, deadline=deadline)

    @torch.inference_mode()
    def score(
        self, instruction: str, query: Seen | None, candidates: Sequence[Seen], *, deadline: float | None = None
    ) -> tuple[float, ...]:
        """The pointers to 1 to 9 candidates by which `rank` orders them, in one pass; nothing is decoded.

        Arguments and errors are those of `rank`.
        """
        prompt, shown = self._rank_prompt(instruction, query, candidates)
        scores: list[float] = first_scores(self._decoder, prompt, shown, self.scaffold[0], deadline).tolist()
        return tuple(scores)

    def _rank_prompt(
        self, instruction: str, query: Seen | None, candidates: Sequence[Seen]
    ) -> tuple[Tensor, Candidates]:
        if not 1 <= len(candidates) <= len(LABELS):
            raise ValueError(f"the starter ranks 1 to {len(LABELS)} candidates, not {len(candidates)}")
        text = instruction.strip()
        words = self.vocabulary.encode(text)[: self._embedder.max_text_tokens] if text else []
        question = Question(query, words, *self._vectors(text or None, query), Seen.joined(candidates))
        return rank_prompt(self._eyes, self._decoder, question)

    def _vectors(self, text: str | None, picture: Seen | None) -> tuple[Tensor, Tensor | None]:
        """The query's composed vector and its words' vector."""
        if text is None:
            if picture is None:
                raise ValueError("a query needs a text, an image or both")
            return picture.vectors[0], None
        ids, mask, _ = self._embedder.tokenize([text])
        written = self._embedder.compose(None, ids, mask)[0]
        if picture is None:
            return written, written
        return self._embedder.compose(picture.tokens, ids, mask)[0], written


def _without_end(answer: Generated) -> Generated:
    text = answer.text.removesuffix(END)
    return Generated(text, answer.complete, None, answer.prompt_tokens, answer.generated_tokens)
