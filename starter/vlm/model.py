"""The starter VLM as one object: images and words in, scores and names out. CPU, deterministic, no download."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from rerank.engines.features import FeatureForm
from starter.embedder import StarterEmbedder, read_weights, weight_file
from starter.namer import Named, Namer
from starter.vlm.decoder import Decoder
from starter.vlm.eyes import Eyes
from starter.vlm.features import CandidateFeatures, Offer, feature_form
from starter.vlm.label_scorer import label_scorer
from starter.vlm.sequence import Question, Shown, rank_prompt
from starter.vlm.vectors import Sight, question_vectors
from starter.vlm.vocabulary import LABELS, Vocabulary

__all__ = ["StarterVLM"]


class Parts(nn.Module):
    """Eyes and decoder: what the weight file holds."""

    def __init__(self, embedder: StarterEmbedder) -> None:
        super().__init__()
        vocabulary = Vocabulary(embedder.tokenizer)
        self.eyes = Eyes()
        self.decoder = Decoder(vocabulary, embedder.passes.words.weight)


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

    def __init__(self, embedder: StarterEmbedder, parts: Parts, namer: Namer, form: FeatureForm) -> None:
        """Take loaded parts, and the form of the features that they make; use `load`."""
        self._embedder, self._namer = embedder, namer
        self.features = CandidateFeatures(embedder, parts.eyes, namer, form)
        self._eyes, self._tokens = parts.eyes, parts.decoder.tokens
        self._label_logits = label_scorer(parts.decoder, embedder.backend)

    @classmethod
    def load(cls, path: Path | None = None, embedder: StarterEmbedder | None = None) -> "StarterVLM":
        """Load the weights in the package, or those of `path`, over the given or the shipped embedder.

        Raises:
            FileNotFoundError: no such file.
            RuntimeError: the file's keys or shapes are not those of this model.
        """
        embedder = embedder or StarterEmbedder.shipped()
        parts = Parts(embedder)
        parts.load_state_dict(read_weights(weight_file("vlm.safetensors", path)), assign=True)
        return cls(embedder, parts.eval().requires_grad_(False), Namer.load(), feature_form(embedder.fingerprint, path))

    @torch.inference_mode()
    def see(self, images: Sequence[Image.Image], *, deadline: float | None = None) -> list[Sight]:
        """Look at images of queries: most of the work of any question about them, so that it is worth keeping.

        Raises:
            TimeoutError: `deadline` (a `time.monotonic` value) passed.
        """
        _check(deadline)
        look = self._embedder.look(images)
        return list(map(Sight, self._eyes.see(look.cells, look.tokens).single(), look.known))

    def name(self, image: Sight) -> Named:
        """Say what an image shows, as far as that is sure."""
        means = image.seen.means
        return self._namer.name(means.whole.numpy(), means.middle.numpy())[0]

    def knows(self, candidates: Offer) -> bool:
        """Whether a third of the candidates are products as it was trained on: drawn, of one of the kinds."""
        return 3 * int(candidates.are_products.sum()) >= len(candidates)

    @torch.inference_mode()
    def score(
        self, instruction: str, query: Sight | None, candidates: Offer, *, deadline: float | None = None
    ) -> Scored:
        """Score 1 to 9 candidate images for a query of words, an image or both, in one pass.

        Args:
            instruction: the shopper's words; may be empty if there is an image.
            query: the query image.
            candidates: what `features` read of them, in retrieval order; they are labeled A, B, ….
            deadline: `time.monotonic` value.

        Raises:
            ValueError: no candidate, more than nine, or a query of nothing.
            TimeoutError: the deadline passed.
        """
        question = self._question(instruction.strip(), query, candidates)
        prompt, shown = rank_prompt(self._eyes, self._tokens, question)
        _check(deadline)
        scores = self._label_logits(prompt, shown.ends) + shown.prior
        return Scored(tuple(scores.tolist()), tuple((question.candidates.vectors @ question.composed).tolist()))

    def _question(self, text: str, query: Sight | None, candidates: Offer) -> Question:
        if not 1 <= len(candidates) <= len(LABELS):
            raise ValueError(f"the starter ranks 1 to {len(LABELS)} candidates, not {len(candidates)}")
        words = self._tokens.vocabulary.encode(text)[: self._embedder.max_text_tokens] if text else []
        vectors = question_vectors(self._embedder, text or None, query)
        image = None if query is None or vectors.image is None else Shown(query.seen, vectors.image.unsqueeze(0))
        return Question(image, words, vectors.composed, vectors.words, candidates.shown)


def _check(deadline: float | None) -> None:
    """Raise TimeoutError if the deadline passed."""
    if deadline is not None and time.monotonic() >= deadline:
        raise TimeoutError("the deadline passed while the starter was at work")
