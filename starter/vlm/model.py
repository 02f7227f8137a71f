"""The starter VLM as one object: images and words in, scores and names out. CPU, deterministic, no download."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from starter.embedder import StarterEmbedder, read_weights, weight_file
from starter.namer import Named, Namer
from starter.views import look
from starter.vlm.decoder import Decoder
from starter.vlm.eyes import Eyes, Seen
from starter.vlm.sequence import Question, rank_prompt
from starter.vlm.vocabulary import LABELS, Vocabulary

__all__ = ["StarterVLM"]


class Parts(nn.Module):
    """Eyes and decoder: what the weight file holds."""

    def __init__(self, embedder: StarterEmbedder) -> None:
        super().__init__()
        vocabulary = Vocabulary(embedder.tokenizer)
        self.eyes = Eyes()
        self.decoder = Decoder(vocabulary, embedder.composer.bert.embeddings.word_embeddings.weight)


@dataclass(frozen=True, slots=True)
class Scored:
    """What one pass says of the candidates, in their order: the pointers (the best is highest), and the cosine
    similarity of each image to the whole query."""

    scores: tuple[float, ...]
    similarities: tuple[float, ...]


class StarterVLM:
    """Names what an image shows, and scores up to nine candidates for a composed query; see `starter/README.md`.

    One call at a time: callers serialize.
    """

    labels = LABELS

    def __init__(self, embedder: StarterEmbedder, parts: Parts, namer: Namer) -> None:
        """Take loaded parts; use `load`."""
        self._embedder, self._namer = embedder, namer
        self._eyes, self._decoder = parts.eyes, parts.decoder

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
        return cls(embedder, parts.eval().requires_grad_(False), Namer.load())

    @torch.inference_mode()
    def see(self, images: Sequence[Image.Image], *, deadline: float | None = None) -> list[Seen]:
        """Look at images, one `Seen` each: most of the work of any question about them, so that it is worth keeping.

        Raises:
            TimeoutError: `deadline` (a `time.monotonic` value) passed.
        """
        _check(deadline)
        cells = look(self._embedder.backbone, images)
        tokens = self._embedder.read(cells)
        return self._eyes.see(cells, tokens, self._embedder.compose(tokens, None, None)).single()

    def name(self, image: Seen) -> Named:
        """Say what the one image in `image` shows, as far as that is sure."""
        return self._namer.name(image.means.whole[0].numpy(), image.means.middle[0].numpy())

    def knows(self, candidates: Sequence[Seen]) -> bool:
        """Whether a third of the candidates are products as it was trained on: drawn, of one of the kinds."""
        return 3 * sum(self._namer.is_product(one.means.whole[0].numpy()) for one in candidates) >= len(candidates)

    @torch.inference_mode()
    def score(
        self, instruction: str, query: Seen | None, candidates: Sequence[Seen], *, deadline: float | None = None
    ) -> Scored:
        """Score 1 to 9 candidate images for a query of words, an image or both, in one pass.

        Args:
            instruction: the shopper's words; may be empty if there is an image.
            query: the query image.
            candidates: in retrieval order; they are labeled A, B, ….
            deadline: `time.monotonic` value.

        Raises:
            ValueError: no candidate, more than nine, or a query of nothing.
            TimeoutError: the deadline passed.
        """
        question = self._question(instruction, query, candidates)
        prompt, shown = rank_prompt(self._eyes, self._decoder, question)
        _check(deadline)
        scores = self._decoder.label_scores(prompt, shown.ends, shown.prior)
        return Scored(tuple(scores.tolist()), tuple((question.candidates.vectors @ question.composed).tolist()))

    def _question(self, instruction: str, query: Seen | None, candidates: Sequence[Seen]) -> Question:
        if not 1 <= len(candidates) <= len(LABELS):
            raise ValueError(f"the starter ranks 1 to {len(LABELS)} candidates, not {len(candidates)}")
        text = instruction.strip()
        words = self._decoder.vocabulary.encode(text)[: self._embedder.max_text_tokens] if text else []
        return Question(query, words, *self._vectors(text or None, query), Seen.joined(candidates))

    def _vectors(self, text: str | None, image: Seen | None) -> tuple[Tensor, Tensor | None]:
        """The query's composed vector and its words' vector."""
        if text is None:
            if image is None:
                raise ValueError("a query needs a text, an image or both")
            return image.vectors[0], None
        ids, mask, _ = self._embedder.tokenize([text])
        written = self._embedder.compose(None, ids, mask)[0]
        if image is None:
            return written, written
        return self._embedder.compose(image.tokens, ids, mask)[0], written


def _check(deadline: float | None) -> None:
    """Raise TimeoutError if the deadline passed."""
    if deadline is not None and time.monotonic() >= deadline:
        raise TimeoutError("the deadline passed while the starter was at work")
