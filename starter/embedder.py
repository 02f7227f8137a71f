"""The starter embedder: text, images or both → unit vectors in one space. CPU, no download, no configuration."""

import hashlib
from collections.abc import Iterator, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from service.encoders.options import BackendName
from starter.backbone import Backbone
from starter.composer import Composer, sequence, through_both
from starter.looks import Look, Looks, Words
from starter.minilm import WIDTH
from starter.passes import Passes
from starter.tokenizer import Tokens, WordPieces
from starter.views import VIEWS, Views, blend

_PREPROCESSING = f"letterbox-224/v1 {VIEWS}"
_BATCH = 32
Role = TypeVar("Role")


def weight_file(name: str, path: Path | None) -> Path:
    """`path`, or the file of that name that ships with the package.

    Raises:
        FileNotFoundError: no such file.
    """
    if path is None:
        with as_file(files("starter").joinpath("weights", name)) as shipped:
            path = shipped
    if not path.is_file():
        raise FileNotFoundError(f"{path}: starter weights are missing; `make train-starter` makes them")
    return path


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights by name, in the float32 that they are used in."""
    return {name: value.float() for name, value in load_file(path).items()}


def embedder_fingerprint(path: Path | None = None) -> str:
    """Names the vectors that the weights in the package, or those of `path`, make. Raises FileNotFoundError."""
    weights = weight_file("embedder.safetensors", path).read_bytes()
    return f"starter-{hashlib.sha256(weights + _PREPROCESSING.encode()).hexdigest()[:16]}"


class StarterEmbedder:
    """Composed encoder of `starter.composer` with its weights; see `starter/README.md` for what it can do."""

    dimension = WIDTH
    max_text_tokens = 64

    def __init__(self, passes: Passes, fingerprint: str, backend: BackendName) -> None:
        """Take what computes; use `load`."""
        self.passes, self.backend = passes, backend
        self._looks = Looks(passes.cells, self.read)
        self.tokenizer = WordPieces()
        self.fingerprint = fingerprint

    @classmethod
    def load(cls, path: Path | None = None, backend: BackendName = "auto") -> "StarterEmbedder":
        """Load the weights in the package, or those of `path`. `backend`: see `compiled.choice.compiled`.

        Raises:
            FileNotFoundError: no such file.
            RuntimeError: the file's keys or shapes are not those of this model.
        """
        path = weight_file("embedder.safetensors", path)
        composer, backbone = Composer(), Backbone()
        state = read_weights(path)
        if state.keys() != composer.trained_state().keys():
            raise RuntimeError(f"{path} does not hold the weights of a starter embedder")
        composer.load_state_dict(state, strict=False, assign=True)
        composer.images.take_head(backbone.head)
        passes = Passes.of(backbone, composer.merge().requires_grad_(False), backend)
        return cls(passes, embedder_fingerprint(path), backend)

    @classmethod
    def shipped(cls, backend: BackendName | None = None) -> "StarterEmbedder":
        """The weights in the package, loaded once a process: encoder and reranker share them. Raises as `load`.

        `backend`: None takes the one that is loaded already.
        """
        loaded: BackendName = next(iter(_SHIPPED)) if _SHIPPED else "auto"
        name = backend or loaded
        if name not in _SHIPPED:
            _SHIPPED[name] = cls.load(None, name)
        return _SHIPPED[name]

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Token ids and mask [n, t], t ≤ 64, and which texts were cut."""
        return self.tokenizer.batch(texts, self.max_text_tokens)

    @torch.inference_mode()
    def encode(
        self, texts: Sequence[str | None], images: Sequence[Image.Image | None]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Encode n queries or products, each a text, an image or both, in any mixture.

        Returns:
            Vectors float32 [n, 384], rows L2-normalized, and bool [n]: the text was cut to `max_text_tokens`.

        Raises:
            ValueError: an entry has neither text nor image.
        """
        vectors = np.empty((len(texts), self.dimension), np.float32)
        truncated = np.zeros(len(texts), np.bool_)
        for _, rows in by_kind(texts, images, [None] * len(texts)):
            written = [text for row in rows if (text := texts[row]) is not None]
            with_image = [image for row in rows if (image := images[row]) is not None]
            ids = mask = None
            if written:
                ids, mask, truncated[rows] = self.tokenize(written)
            tokens = self.look(with_image).tokens if with_image else None
            vectors[rows] = self.compose(tokens, ids, mask).numpy()
        return vectors, truncated

    def look(self, images: Sequence[Image.Image], *, keep: bool = False) -> Look:
        """Cells and image tokens of images; `keep` them as long as the image objects live, for whoever looks again."""
        return self._looks.at(images, keep=keep)

    def read(self, cells: Views) -> Views:
        """Cells of both views [n, 49, 1280] → their image tokens [n, 8, 384]."""
        return cells.through(self.passes.tokens)

    def vectors(self, look: Look, ids: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Unit vectors [n, 384] of n images, each with its text (ids and mask [n, t]) or all alone; made once."""
        words = [None] * len(look.known) if ids is None or mask is None else written(ids, mask)
        return look.vectors(words, lambda: self.compose(look.tokens, ids, mask))

    def compose(self, tokens: Views | None, ids: Tensor | None, mask: Tensor | None) -> Tensor:
        """Image tokens, texts (ids and mask [n, t]), or both → unit vectors [n, 384]."""
        if tokens is None:
            return self._compose(None, ids, mask)
        return blend(through_both(self._compose, tokens, ids, mask))

    def _compose(self, tokens: Tensor | None, ids: Tensor | None, mask: Tensor | None) -> Tensor:
        pooled: Tensor = self.passes.pool(*sequence(self.passes.words, tokens, ids, mask))
        return pooled


def written(ids: Tensor, mask: Tensor) -> list[Words]:
    """The token ids [n, t] of each text without padding."""
    return [tuple(row[there].tolist()) for row, there in zip(ids, mask.bool(), strict=True)]


_SHIPPED: dict[BackendName, StarterEmbedder] = {}
"""What `StarterEmbedder.shipped` has loaded."""


def by_kind(
    texts: Sequence[str | None], images: Sequence[Image.Image | None], roles: Sequence[Role]
) -> Iterator[tuple[Role, list[int]]]:
    """Row numbers in batches of one role and kind (text, image, both), texts of similar length together.

    Raises:
        ValueError: an entry has neither text nor image.
    """
    kinds: dict[tuple[Role, bool, bool], list[int]] = {}
    for row, (text, image, role) in enumerate(zip(texts, images, roles, strict=True)):
        if text is None and image is None:
            raise ValueError("a query needs a text, an image or both")
        kinds.setdefault((role, text is not None, image is not None), []).append(row)
    for (role, _, _), rows in kinds.items():
        rows.sort(key=lambda row: len(texts[row] or ""))
        for start in range(0, len(rows), _BATCH):
            yield role, rows[start : start + _BATCH]
