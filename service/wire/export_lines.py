"""The lines of an export: a head, a product a line, and an end that says how many there were.

JSON lines, so that a catalog of any size is written and read in bounded memory. An export without its end is
incomplete.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.product import AttributeMap, CategoryText, IdText, Price, TitleText
from service.wire.strict_model import StrictModel

MAX_EXPORTED_IMAGES = 1000
VERSION: Literal[1] = 1
ImageKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}\.(jpeg|png|webp)$")]


class ExportHead(StrictModel):
    """The first line. `encoder` and `fingerprint` say what made the vectors, which are there if `vectors` is true."""

    withthis_export: Literal[1] = VERSION
    encoder: str
    fingerprint: str
    vectors: bool


class ExportedProduct(StrictModel):
    """A product. `images` are the keys of its images in order, which are names in the folder of images, too.

    `vectors`: those of its rows (one an image; one in all without an image), base64 of little-endian float32.
    `updated_at`: when it was last written (Unix time, milliseconds).
    """

    id: IdText
    title: TitleText
    category: CategoryText | None = None
    price: Price | None = None
    attributes: AttributeMap
    images: Annotated[list[ImageKey], Field(max_length=MAX_EXPORTED_IMAGES)]
    updated_at: int
    vectors: list[str] | None = None


class ExportEnd(StrictModel):
    """The last line."""

    products: int
    complete: Literal[True] = True
