"""The encoder interface: a text, an image, or both → one unit vector."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from rerank.query import Query
from service.errors import EmptyQuery, InvalidValue

Modality = Literal["text", "image", "composed"]


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """What the rest of the system needs to know about an encoder.

    `fingerprint` changes whenever the vectors would: it covers weights and preprocessing, and is stored with the
    collection. `max_text_tokens` is the limit, None where nobody says it; longer texts are truncated and flagged.
    `weighs_parts`: a composed vector is a sum of the text's and the image's, so that `Query.text_share` has a meaning.
    `instructable`: an instruction of a query has an effect. `matryoshka`: smaller dimensions that the model was trained
    for, to which a vector may be cut and normalized again.
    """

    id: str
    dimension: int
    fingerprint: str
    modalities: frozenset[Modality]
    max_text_tokens: int | None
    weighs_parts: bool = False
    instructable: bool = False
    matryoshka: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Embeddings:
    """`vectors`: float32 [n, dimension], rows L2-normalized. `truncated`: bool [n], True if the text was truncated."""

    vectors: npt.NDArray[np.float32]
    truncated: npt.NDArray[np.bool_]


class Encoder(Protocol):
    """Encodes queries and products into one embedding space. Calls may come from several threads."""

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder; constant over its life."""
        ...

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode a batch that may mix texts, images and both; none of them is empty. Row i belongs to `queries[i]`."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """An encoder that has work to do on each query by itself, such as resizing its image."""

    def prepare(self, queries: Sequence[Query]) -> None:
        """Begin that work in other threads; `encode` waits for it where it needs it. It may be left out."""
        ...


def check_not_empty(queries: Sequence[Query]) -> None:
    """Raise EmptyQuery if one of them has neither a text nor an image: it has no embedding."""
    if any(query.is_empty for query in queries):
        raise EmptyQuery


IMAGES_ONLY = (
    "The configured encoder embeds images, alone or with a text, but no text alone. Give an image; leave out "
    "negative_text."
)


def check_modalities(queries: Sequence[Query], info: EncoderInfo) -> None:
    """Raise InvalidValue for a text without an image, unless the encoder embeds such."""
    if "text" not in info.modalities and any(query.image is None for query in queries):
        raise InvalidValue(IMAGES_ONLY)
