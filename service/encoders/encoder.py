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
"""What a vector is for: to search with, or to be found by. Asymmetric encoders embed the two differently."""


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """What the rest of the system has to know of an encoder.

    `fingerprint` changes whenever the vectors would: it covers weights and preprocessing, and is stored with the
    collection. `max_text_tokens` is what fits; longer texts are cut and flagged. `weighs_parts`: a composed vector
    is a sum of the text's and the image's, so that `EncoderQuery.text_share` has a meaning.
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

    `text_share` from 0 to 1 says how much the text of a composed query counts; None: as the encoder is set. Encoders
    that do not weigh parts pass over it, and symmetric encoders pass over `role`.
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
    """`vectors`: float32 [n, dimension], rows L2-normalized. `truncated`: bool [n], True where the text was cut."""

    vectors: npt.NDArray[np.float32]
    truncated: npt.NDArray[np.bool_]


class Encoder(Protocol):
    """Turns queries and products into vectors of one space. Calls may come from several threads."""

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder; constant over its life."""
        ...

    def encode(self, queries: Sequence[EncoderQuery]) -> Embeddings:
        """Encode a batch that may mix texts, images and both. Row i belongs to `queries[i]`."""
        ...
