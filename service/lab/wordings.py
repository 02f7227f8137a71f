"""Several wordings of one wish as one embedding, as the papers measure FashionIQ's two captions."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rerank.query import Query
from service.encoders.encoder import Embeddings, Encoder, EncoderInfo


class WordingEncoder:
    """An `Encoder` that knows further wordings of the query in progress.

    Its vector is the normalized mean of the unit vectors of all wordings, each with the image (SEARLE,
    `src/validate.py`: both caption orders are encoded and averaged). Without further wordings it changes nothing.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.wordings: tuple[str, ...] = ()
        """Further texts of the next queries; set by the runner for each of them."""

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder behind this one."""
        return self._encoder.info

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode each query with its wordings. See `Encoder.encode`."""
        if not self.wordings:
            return self._encoder.encode(queries)
        rows = [self._mean(query) for query in queries]
        return Embeddings(
            np.concatenate([row.vectors for row in rows]), np.concatenate([row.truncated for row in rows])
        )

    def _mean(self, query: Query) -> Embeddings:
        texts = (query.text, *self.wordings)
        each = self._encoder.encode([replace(query, text=text) for text in texts])
        mean = each.vectors.mean(axis=0, keepdims=True)
        return Embeddings((mean / np.linalg.norm(mean)).astype(np.float32), np.array([each.truncated.any()], np.bool_))
