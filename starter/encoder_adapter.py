"""The starter embedder as an encoder of the service: small, composed, bundled."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from rerank.query import Query, Role
from service.encoders.encoder import Embeddings, EncoderInfo
from service.encoders.options import BackendName
from service.encoders.registry import EncoderEntry

STARTER_ID = "starter"


class Embedder(Protocol):
    """The part of `starter.fused.FusedEmbedder` used here."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of weights and preprocessing."""
        ...

    @property
    def max_text_tokens(self) -> int:
        """Tokens of text that fit."""
        ...

    def encode(
        self, texts: Sequence[str | None], images: Sequence[Image.Image | None], roles: Sequence[Role]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Vectors [n, dimension], L2-normalized, and whether each text was cut."""
        ...


class StarterEncoder:
    """Adapts the starter embedder to the `Encoder` protocol.

    One batch at a time: the model already uses all cores, so concurrent batches would only slow each other down.
    """

    def __init__(self, embedder: Embedder) -> None:
        """Take a loaded embedder."""
        self.embedder = embedder
        self._lock = threading.Lock()
        self._info = EncoderInfo(
            id=STARTER_ID,
            dimension=embedder.dimension,
            fingerprint=embedder.fingerprint,
            modalities=frozenset({"text", "image", "composed"}),
            max_text_tokens=embedder.max_text_tokens,
        )

    @classmethod
    def load(cls, path: Path | None = None, backend: BackendName = "auto") -> "StarterEncoder":
        """Load weights from `path`, or the bundled ones. `backend`: see `compiled.choice.compiled`."""
        from starter.fused import FusedEmbedder  # noqa: PLC0415 (brings torch, which most commands do without)

        return cls(FusedEmbedder.load(path, backend=backend))

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder."""
        return self._info

    def prepare(self, queries: Sequence[Query]) -> None:
        """Begin to resize images. See `Preparing.prepare`."""
        from starter.views import prepare  # noqa: PLC0415 (brings torch, which most commands do without)

        prepare([query.image for query in queries if query.image is not None])

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode a batch. See `Encoder.encode`."""
        if not queries:
            return Embeddings(np.zeros((0, self._info.dimension), np.float32), np.zeros(0, np.bool_))
        texts = [query.text if query.text and query.text.strip() else None for query in queries]
        with self._lock:
            vectors, truncated = self.embedder.encode(
                texts, [query.image for query in queries], [query.role for query in queries]
            )
        return Embeddings(np.asarray(vectors, np.float32), np.asarray(truncated, np.bool_))


STARTER = EncoderEntry(
    STARTER_ID,
    "small composed encoder, bundled",
    dimension=576,
    max_text_tokens=64,
    source="starter/weights",
    license="Apache-2.0",
    results="see starter/README.md",
    settings=("ENCODER_PATH",),
    load=lambda options: StarterEncoder.load(options.path, options.backend),
)
