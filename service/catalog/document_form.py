"""What a product's vector is made of: its image, its words, or both; see `WITHTHIS_DOCUMENT`.

The form is part of the fingerprint under which a collection is made, behind a plus sign for each field. A collection
without one is of the time when vectors were made of images alone, and is what `image` makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from rerank.query import Query
from service.product import Attributes

IMAGE = "image"
MOST_CHARS = 2000
"""Characters of a document; encoders read 64 to 8,192 tokens, and the telling words come first."""

TEXT_SHARE = 0.5
"""Share of the words in a document of the CLIP family, whose composed vectors are sums: the plain sum."""


class Worded(Protocol):
    """The fields of a product that may be words of its vector."""

    @property
    def title(self) -> str:
        """Its name; may be empty."""

    @property
    def category(self) -> str | None:
        """Its category, if it has one."""

    @property
    def attributes(self) -> Attributes:
        """Everything else."""


@dataclass(frozen=True, slots=True)
class DocumentForm:
    """`fields`: `image`, `title`, `category` and names of attributes, in the order in which their words stand."""

    fields: tuple[str, ...]

    @property
    def has_words(self) -> bool:
        """Whether any field counts besides the image."""
        return self.fields != (IMAGE,)

    def words(self, product: Worded) -> str | None:
        """The words of a product, None where it has none: "Blue mug. mug. A mug for tea"."""
        texts = dict.fromkeys(text for field in self.fields for text in _texts(product, field))
        return ". ".join(texts)[:MOST_CHARS].strip() or None

    def document(self, product: Worded, image: Image.Image | None) -> Query | None:
        """What is encoded; None for a product that has neither. An image that is no field counts where words lack."""
        words = self.words(product)
        seen = image if IMAGE in self.fields or words is None else None
        if words is None and seen is None:
            return None
        share = TEXT_SHARE if words is not None and seen is not None else None
        return Query(words, seen, role="document", text_share=share)

    def fingerprint(self, encoder: str) -> str:
        """The encoder's fingerprint with the form; that of images alone adds nothing."""
        return "+".join([encoder, *self.fields]) if self.has_words else encoder

    @classmethod
    def of(cls, fingerprint: str) -> DocumentForm:
        """The form in such a fingerprint."""
        fields = fingerprint.split("+")[1:]
        return cls(tuple(fields)) if fields else IMAGE_ONLY

    @staticmethod
    def encoder_of(fingerprint: str) -> str:
        """The encoder's own part of such a fingerprint."""
        return fingerprint.split("+", maxsplit=1)[0]

    def __str__(self) -> str:
        """The names of the fields."""
        return ", ".join(self.fields)


IMAGE_ONLY = DocumentForm((IMAGE,))
WORDS_ONLY = DocumentForm(("title", "category", "brand", "description"))
DEFAULT_FORM = DocumentForm((IMAGE, *WORDS_ONLY.fields))


def _texts(product: Worded, field: str) -> Iterator[str]:
    own: Mapping[str, str | None] = {IMAGE: None, "title": product.title, "category": product.category}
    value = own[field] if field in own else product.attributes.get(field)
    for one in value if isinstance(value, Sequence) and not isinstance(value, str) else [value]:
        text = "" if one is None else str(one).strip()
        if text:
            yield text
