"""The encoder interface: a text, an image, or both → one unit vector."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from service.errors import EmptyQuery

Modality = Literal["text", "image", "composed"]
Role = Literal["query", "document"]
"""The purpose of an embedding: a query, or a document. Asymmetric encoders embed the two differently."""


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """What the rest of the system needs to know about an encoder.

    `fingerprint` changes whenever the vectors would: it covers weights and preprocessing, and is stored with the
    collection. `max_text_tokens` is the limit; longer texts are truncated and flagged. `weighs_parts`: a composed
    vector is a sum of the text's and the image's, so that `EncoderQuery.text_share` has a meaning.
    """

    id: str
    dimension: int
    fingerprint: str
    modalities: frozenset[Modality]
    max_text_tokens: int
    weighs_parts: bool = False


@dataclass(frozen=True, slots=True)
class EncoderQuery:
    """One thing to encode. Raises `EmptyQuery` if it holds neither a text nor an image.

    `text_share` from 0 to 1 says how much the text of a composed query counts; None: as the encoder is configured.
    Encoders that do not weight parts ignore it, and symmetric encoders ignore `role`.
    """

    text: str | None = None
    image: Image.Image | None = None
    text_share: float | None = None
    role: Role = "query"

    def __post_init__(self) -> None:
        """A blank text counts as none."""
        if self.image is None and not (self.text and self.text.strip()):
            raise EmptyQuery


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

    def encode(self, queries: Sequence[EncoderQuery]) -> Embeddings:
        """Encode a batch that may mix texts, images and both. Row i belongs to `queries[i]`."""
        ...
