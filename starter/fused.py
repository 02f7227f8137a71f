"""The starter's vectors: what was trained, MiniLM's words and the closed-form heads side by side, in one unit vector.

A document's vector has four blocks of equal length and a last number:

    trained   the trained embedder's vector of the image (`starter.embedder`)
    words     MiniLM's vector of the words, plus what the image is called by `Heads.named`
    whole     the discriminants of the whole image (`Heads.classified`)
    middle    those of its middle
    absent    keeps the length 1 where blocks are missing: words alone have no image, and must not gain by it

A query weighs the blocks: its vector holds each block times a weight, so that one cosine is the weighted sum of four.
A motif is looked for in the middle of products as well as in the whole of photographs, so the discriminants of the
whole query image are compared with both. The weights (`QUERY`) were chosen on development motifs and on photographs
that the heads had not seen, never on held-out ones; `starter/README.md` has the numbers.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from service.encoders.options import BackendName
from starter.embedder import StarterEmbedder, by_kind, weight_file
from starter.heads import FILE, Heads, pooled, unit
from starter.looks import Look
from starter.views import Views
from starter.words import WordEncoder, published

Role = Literal["query", "document"]

_FORM = "trained+words+whole+middle/v1"
_NAMES_BESIDE_WORDS = 0.5
"""Of what the image is called, beside 1 for the words themselves, in a document that has both."""


@dataclass(frozen=True, slots=True)
class QueryWeights:
    """How much each block of a document counts; `across`: the query's whole against the document's middle."""

    trained: float = 0.0
    words: float = 0.0
    names: float = 0.0
    whole: float = 0.0
    across: float = 0.0
    middle: float = 0.0


TEXT = QueryWeights(words=1.0)
IMAGE = QueryWeights(trained=0.2, names=0.2, whole=0.8, across=0.3, middle=0.1)
COMPOSED = QueryWeights(trained=1.0, words=0.4, names=0.1, whole=0.1, across=0.4, middle=0.2)


@dataclass(frozen=True, slots=True)
class Written:
    """n texts: token ids and mask [n, t], MiniLM's vectors [n, 384], and which were cut."""

    ids: Tensor
    mask: Tensor
    vectors: Tensor
    cut: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Seen:
    """What n images look like: to the trained embedder, and what the heads make of their features."""

    look: Look
    named: Tensor
    classes: Views


class FusedEmbedder:
    """Queries and documents, each a text, an image or both, as unit vectors of one space."""

    def __init__(self, trained: StarterEmbedder, words: WordEncoder, heads: Heads, fingerprint: str) -> None:
        """Take loaded parts; use `load`."""
        self.trained = trained
        self._heads = heads
        self._words = words
        self.fingerprint = fingerprint
        self.max_text_tokens = trained.max_text_tokens
        self._widths = [heads.trained_basis.shape[1], heads.words_basis.shape[1], *[heads.classes.shape[1]] * 2, 1]
        self.dimension = sum(self._widths)

    @classmethod
    def load(
        cls, path: Path | None = None, heads: Path | None = None, backend: BackendName = "auto"
    ) -> "FusedEmbedder":
        """The weights in the package; `path`: other weights of the trained embedder; `heads`: other heads; `backend`:
        see `compiled.choice.compiled`.

        Raises:
            FileNotFoundError: no such file.
            RuntimeError: a file's keys or shapes are not those of this model.
        """
        with ThreadPoolExecutor(1, "compiling") as aside:
            pool = aside.submit(published, backend)
            trained = StarterEmbedder.shipped(backend) if path is None else StarterEmbedder.load(path, backend)
        digest = hashlib.sha256(trained.fingerprint.encode() + _FORM.encode() + _constants())
        digest.update(weight_file(FILE, heads).read_bytes())
        words = WordEncoder(trained, pool.result())
        return cls(trained, words, Heads.load(heads), f"starter-{digest.hexdigest()[:16]}")

    @torch.inference_mode()
    def encode(
        self, texts: Sequence[str | None], images: Sequence[Image.Image | None], roles: Sequence[Role]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Encode n queries or documents in any mixture.

        Returns:
            Vectors float32 [n, `dimension`], rows L2-normalized, and bool [n]: the text was cut to `max_text_tokens`.

        Raises:
            ValueError: an entry has neither text nor image.
        """
        vectors = np.empty((len(texts), self.dimension), np.float32)
        truncated = np.zeros(len(texts), np.bool_)
        for role, rows in by_kind(texts, images, roles):
            told = [text for row in rows if (text := texts[row]) is not None]
            shown = [image for row in rows if (image := images[row]) is not None]
            written = self.read(told) if told else None  # first, since images may still be in preparation
            seen = self.see(shown, keep=role == "query") if shown else None
            encode = self.document if role == "document" else self.query
            vectors[rows] = encode(seen, written).numpy()
            if written is not None:
                truncated[rows] = written.cut
        return vectors, truncated

    def read(self, texts: Sequence[str]) -> Written:
        """Read texts: what any vector takes that they are part of."""
        ids, mask, cut = self.trained.tokenize(texts)
        return Written(ids, mask, self._words.pooled(ids, mask), cut)

    def see(self, images: Sequence[Image.Image], *, keep: bool = False) -> Seen:
        """Look at images: most of the work of any vector that they are part of; `keep` the look for the reranker."""
        look = self.trained.look(images, keep=keep)
        centered = self._heads.centered(pooled(look.cells))
        return Seen(look, self._heads.named(centered), self._heads.classified(centered))

    def document(self, seen: Seen | None, written: Written | None) -> Tensor:
        """n documents of one kind, [n, `dimension`]: blocks of equal length, and what is missing to four of them."""
        if seen is None:
            assert written is not None
            return self._joined(len(written.vectors), words=self._in_words(written.vectors), absent=3.0**0.5)
        names = unit(seen.named + self._heads.names_mean)
        both = names if written is None else unit(written.vectors + _NAMES_BESIDE_WORDS * names)
        trained = self._in_trained(self.trained.vectors(seen.look))
        return self._joined(
            len(both), trained, self._in_words(both), whole=seen.classes.whole, middle=seen.classes.middle
        )

    def query(self, seen: Seen | None, written: Written | None) -> Tensor:
        """n queries of one kind, [n, `dimension`]: blocks times their weights."""
        if seen is None:
            assert written is not None
            return self._joined(len(written.vectors), words=self._in_words(written.vectors))
        weights = IMAGE if written is None else COMPOSED
        named = weights.names * self._in_words(seen.named)
        ids, mask = (None, None) if written is None else (written.ids, written.mask)
        classes, composed = seen.classes, self.trained.vectors(seen.look, ids, mask)
        return self._joined(
            len(named),
            weights.trained * self._in_trained(composed),
            named if written is None else named + weights.words * self._in_words(written.vectors),
            whole=weights.whole * classes.whole,
            middle=weights.across * classes.whole + weights.middle * classes.middle,
        )

    def _joined(
        self,
        rows: int,
        trained: Tensor | None = None,
        words: Tensor | None = None,
        *,
        whole: Tensor | None = None,
        middle: Tensor | None = None,
        absent: float = 0.0,
    ) -> Tensor:
        """The blocks side by side, zeros for those that are missing, as unit vectors."""
        last = torch.full((rows, 1), absent)
        blocks = zip((trained, words, whole, middle, last), self._widths, strict=True)
        return unit(torch.cat([torch.zeros(rows, width) if block is None else block for block, width in blocks], 1))

    def _in_words(self, vectors: Tensor) -> Tensor:
        return unit(vectors @ self._heads.words_basis)

    def _in_trained(self, vectors: Tensor) -> Tensor:
        return unit(vectors @ self._heads.trained_basis)


def _constants() -> bytes:
    return repr((_NAMES_BESIDE_WORDS, TEXT, IMAGE, COMPOSED)).encode()
