"""Does an encoder see what it is given? Products have to be nearest to their own texts and images."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from rerank.query import Query
from service.encoders.encoder import Encoder, Modality
from service.support.self_retrieval import WAYS, verdict

MEANINGLESS = (
    "Its embeddings do not tell products apart, whatever is asked: its weights are damaged, or do not belong to its "
    "configuration."
)


def blindness(encoder: Encoder, products: Sequence[Query]) -> str | None:
    """What is wrong with the embeddings of products with text and image, in sentences; None if nothing was found."""
    modalities = encoder.info.modalities
    vectors = encoder.encode([_document(one, modalities) for one in products]).vectors

    def found(way: str) -> int | None:
        texts, images = WAYS[way]
        kind = "composed" if texts and images else "text" if texts else "image"
        if kind not in modalities:
            return None
        asked = [Query(one.text if texts else None, one.image if images else None) for one in products]
        similarity = encoder.encode(asked).vectors @ vectors.T
        own = np.diag(similarity).copy()
        np.fill_diagonal(similarity, -np.inf)
        return int((own > similarity.max(axis=1)).sum())

    return verdict(found, MEANINGLESS)


def _document(product: Query, modalities: Collection[Modality]) -> Query:
    """As much of a product as is embedded: text and image where they are joined, else the image if it is read."""
    whole, reads_images = "composed" in modalities, "image" in modalities
    return replace(
        product,
        role="document",
        text=product.text if whole or not reads_images else None,
        image=product.image if reads_images else None,
    )
