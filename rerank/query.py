"""The query: one value on its way from the request to the encoder, the store and the reranker."""

from dataclasses import KW_ONLY, dataclass
from typing import Generic, Literal

from PIL.Image import Image
from typing_extensions import TypeVar

__all__ = ["Query", "Role"]

Role = Literal["query", "document"]
"""The purpose of an embedding: a query, or a document. Asymmetric encoders embed the two differently."""

ImageT = TypeVar("ImageT", default=Image)


@dataclass(frozen=True)  # without slots: with them a generic one cannot be made by its alias on Python 3.11
class Query(Generic[ImageT]):
    """A text, an image, or both.

    `Query` alone has its image opened, as RGB pixels; `Query[S]` has an image that is still a source of type `S`, not
    yet checked. What a stage has no use for, it ignores. A document is a query in another role.
    """

    text: str | None = None
    image: ImageT | None = None
    _: KW_ONLY
    role: Role = "query"
    """Symmetric encoders ignore it."""
    instruction: str | None = None
    """What the text is to be read for, as encoders and rerankers with instructions take it; None: as they are set."""
    image_hash: str | None = None
    """Content hash of the image; the key under which what a model made of it is kept. None: nothing is kept."""
    caption: str | None = None
    """The caption of the image, one clean line, if known; empty: no caption. None: the engine generates one."""
    text_share: float | None = None
    """How much the text of a composed query counts, from 0 to 1; None: as the encoder is configured. Encoders that do
    not weight parts ignore it."""

    @property
    def is_empty(self) -> bool:
        """Whether there is neither an image nor a text; a blank text counts as none."""
        return self.image is None and not (self.text and self.text.strip())
