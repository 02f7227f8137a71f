"""Several wordings of one wish, or several images, as one embedding, as the papers measure such queries."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from rerank.query import Query
from service.encoders.encoder import Embeddings, Encoder, EncoderInfo
from service.images.decode import DecodedImage
from service.search.query_adapter import AdaptedEncoder, QueryAdapter


class AveragingEncoder:
    """An `Encoder` that knows further wordings and images of the query in progress.

    Its vector is the normalized mean of the unit vectors of every wording with every image (SEARLE,
    `src/validate.py`: both caption orders are encoded and averaged; PinPoint, `run_retrieval.py`: so are the images).
    A query without a text has no wordings, one without an image no images; without any of them, nothing changes.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.wordings: tuple[str, ...] = ()
        """Further texts of the next queries; set by the runner for each of them."""
        self.images: tuple[DecodedImage, ...] = ()
        """Their further images; as above."""
        self.adapter: QueryAdapter | None = None
        """Applied to the vectors of the next queries; set by `service.lab.tuning`."""

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder behind this one."""
        return self._encoder.info

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode each query with its wordings and images. See `Encoder.encode`."""
        encoder: Encoder = self._encoder if self.adapter is None else AdaptedEncoder(self._encoder, self.adapter)
        if not self.wordings and not self.images:
            return encoder.encode(queries)
        rows = [self._mean(encoder, query) for query in queries]
        return Embeddings(
            np.concatenate([row.vectors for row in rows]), np.concatenate([row.truncated for row in rows])
        )

    def _mean(self, encoder: Encoder, query: Query) -> Embeddings:
        each = encoder.encode(self._variants(query))
        mean = each.vectors.mean(axis=0, keepdims=True)
        return Embeddings((mean / np.linalg.norm(mean)).astype(np.float32), np.array([each.truncated.any()], np.bool_))

    def _variants(self, query: Query) -> list[Query]:
        texts = (query.text, *self.wordings) if query.text is not None else (None,)
        images = [(query.image, query.image_hash)]
        if query.image is not None:
            images += [(more.image, more.content_hash) for more in self.images]
        return [
            replace(query, text=text, image=image, image_hash=hash) for text, (image, hash) in product(texts, images)
        ]
