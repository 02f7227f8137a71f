"""Texts and pictures as other services' clients write them, and the answers that those clients expect.

`/v1/rerank` has the shape that Cohere, Jina and vLLM share, `/v1/embeddings` that of OpenAI; both take pictures as
content parts, as vLLM does. A form that is not known is refused: a URL taken for a text would only give a meaningless
score.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from service.contents import Content
from service.errors import InvalidValue
from service.media.pictures import PictureSource
from service.search_types import InlineImage, UrlImage

MAX_DOCUMENTS = 100
MAX_INPUTS = 256
MAX_PARTS = 16
TWO_PICTURES = "One query, document or input holds at most one picture."

Text = Annotated[str, Field(max_length=100_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _kind_of_part(value: Any) -> str | None:
    """The tag of a content part; None for anything else. Tags in <> are left out of the pointers in errors."""
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<{kind}>" if kind in ("text", "image_url") else None


def _kind_of_content(value: Any) -> str | None:
    if isinstance(value, str):
        return "<string>"
    if isinstance(value, dict):
        return "<parts>" if "content" in value else "<plain>"
    if isinstance(value, PartsIn):
        return "<parts>"
    return "<plain>" if isinstance(value, PlainIn) else None


def _kind_of_input(value: Any) -> str:
    return "<many>" if isinstance(value, list) else "<one>"


class TextPart(_Body):
    """A text."""

    type: Literal["text"]
    text: Text


class Address(_Body):
    """Where a picture is: a data URI, or a URL on a host that the service allows."""

    url: str
    detail: str | None = Field(default=None, description="taken from clients that send it; has no effect")


class ImagePart(_Body):
    """A picture."""

    type: Literal["image_url"]
    image_url: Address


Part = Annotated[
    Annotated[TextPart, Tag("<text>")] | Annotated[ImagePart, Tag("<image_url>")], Discriminator(_kind_of_part)
]


class PartsIn(_Body):
    """Content parts: texts, which are joined, and at most one picture."""

    content: list[Part] = Field(min_length=1, max_length=MAX_PARTS)


class PlainIn(_Body):
    """A text, a picture (data URI or URL), or both."""

    text: Text | None = None
    image: str | None = None


ContentIn = Annotated[
    Annotated[Text, Tag("<string>")] | Annotated[PartsIn, Tag("<parts>")] | Annotated[PlainIn, Tag("<plain>")],
    Discriminator(_kind_of_content),
]
_Many = Annotated[list[ContentIn], Field(min_length=1, max_length=MAX_INPUTS)]


class DocumentsBody(_Body):
    """A query and documents to be ranked."""

    model: str | None = Field(default=None, max_length=200, description="the engine in use, or left out")
    query: ContentIn
    documents: list[ContentIn] = Field(min_length=1, max_length=MAX_DOCUMENTS)
    top_n: Annotated[int, Field(ge=1)] | None = Field(default=None, description="how many results are answered")
    return_documents: bool = False
    max_tokens_per_doc: int | None = Field(default=None, description="taken from clients that send it; has no effect")


class RankedOut(_Body):
    """One document: its position in the request, and its score; higher is better."""

    index: int
    relevance_score: float
    document: dict[str, Any] | None = None


class UsageOut(_Body):
    """What the model read, and that together with what it wrote, in tokens."""

    prompt_tokens: int
    total_tokens: int


class RerankMetaOut(_Body):
    """Where the order comes from; `scores` is `model`, or `rank` where they only say the place."""

    scores: Literal["model", "rank"]
    strategy: str | None
    prompt: str | None
    fault: str | None
    repaired: list[int]
    degraded: str | None


class DocumentsOut(_Body):
    """The documents, best first."""

    id: str
    model: str
    results: list[RankedOut]
    usage: UsageOut
    meta: RerankMetaOut


class EmbeddingsBody(_Body):
    """Texts and pictures to be embedded."""

    model: str | None = Field(default=None, max_length=200, description="the encoder in use, or left out")
    input: Annotated[
        Annotated[ContentIn, Tag("<one>")] | Annotated[_Many, Tag("<many>")], Discriminator(_kind_of_input)
    ]
    encoding_format: Literal["float", "base64"] = Field(
        default="float", description="base64: float32, little-endian, as OpenAI's client asks for"
    )
    dimensions: int | None = Field(default=None, description="only the encoder's own number is accepted")
    user: str | None = Field(default=None, max_length=200, description="taken from clients that send it; has no effect")


class EmbeddingOut(_Body):
    """One vector, L2-normalised."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsOut(_Body):
    """The vectors in the order of the inputs. `truncated`: the inputs whose text was cut to what fits."""

    object: Literal["list"] = "list"
    data: list[EmbeddingOut]
    model: str
    usage: UsageOut
    truncated: list[int]


def to_content(given: ContentIn, pointer: str) -> Content:
    """What the service understands. Raises InvalidValue for more than one picture."""
    if isinstance(given, str):
        return Content(given, None, pointer)
    if isinstance(given, PlainIn):
        return Content(given.text, _picture(given.image) if given.image is not None else None, pointer)
    texts = [part.text for part in given.content if isinstance(part, TextPart)]
    images = [part.image_url.url for part in given.content if isinstance(part, ImagePart)]
    if len(images) > 1:
        raise InvalidValue(TWO_PICTURES, errors=[{"pointer": pointer, "detail": TWO_PICTURES}])
    return Content("\n".join(texts) if texts else None, _picture(images[0]) if images else None, pointer)


def document_out(given: ContentIn) -> dict[str, Any]:
    """A document as the answer repeats it."""
    if isinstance(given, str):
        return {"text": given}
    if isinstance(given, PlainIn):
        return given.model_dump(exclude_none=True)
    return {"multi_modal": [part.model_dump(exclude_none=True) for part in given.content]}


def _picture(address: str) -> PictureSource:
    """Anything that is no URL is read as a data URI, and refused where it is none."""
    return UrlImage(address) if address[:4].lower() == "http" else InlineImage(address)
