"""What identifies a query of the search log: all that says what is wanted, and nothing that says how it is found.

These are the text (in Unicode's form C, without case, blanks as one), the images by the hashes of their bytes, their
weights, what is not wanted, and the filter. How many products are shown, sorting and fusion are no part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from service.product import normal_text
from service.search.online.log_reader import ImageLine, NegativeLine, QueryLine

_ID_DIGITS = 16
_WEIGHT_DIGITS = 6


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """A query as it was first asked; `id` is the same in every reading of every log."""

    id: str
    text: str | None
    images: tuple[ImageLine, ...]
    filter: Mapping[str, JsonValue] | None
    negative: NegativeLine | None

    @classmethod
    def of(cls, line: QueryLine) -> AskedQuery | None:
        """None where the log does not say what was asked."""
        text = " ".join(normal_text(line.text or "").split())
        images = line.all_images
        if line.text_left_out or not (text or images):
            return None
        total = sum(image.weight for image in images) or 1.0
        told = {
            "text": text.casefold(),
            "images": [[image.image, round(image.weight / total, _WEIGHT_DIGITS)] for image in images],
            "filter": line.filter or None,
            "negative": line.negative.model_dump() if line.negative else None,
        }
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        return cls(f"q{digest[:_ID_DIGITS]}", text or None, images, line.filter, line.negative)
