"""The names of files in an image store: originals by the hash of their bytes, and what was made of each by the same."""

from __future__ import annotations

import re

from service.errors import ImageNotFound
from service.images.store.derivatives import RECIPE

KEY = re.compile(r"[0-9a-f]{64}\.(jpeg|png|webp)")
"""What may be the key of an image; anything else is refused before it gets near a path."""

OURS = re.compile(
    r"(originals|thumbnails-[0-9]+|renditions-[0-9]+-[0-9]+|features-[0-9]+-[0-9]+-[a-z0-9-]+)"
    r"/[0-9a-f]{2}/([^/.]*)\.[^/]+"
)
"""A file of an image store: its folder, and the content hash of the original."""


def original_name(key: str) -> str:
    """The file of an image. Raises ImageNotFound for anything that is not a key."""
    return f"originals/{_place(key)}/{key}"


def derived_name(folder: str, key: str, suffix: str = "jpeg") -> str:
    """The file of what is made of the original with this key. Raises as `original_name`."""
    return f"{folder}/{_place(key)}/{key.partition('.')[0]}.{suffix}"


def rendition_folder(side: int) -> str:
    """Location of the renditions whose longer side is `side` pixels."""
    return f"renditions-{RECIPE}-{side}"


def feature_folder(side: int, form: str) -> str:
    """Location of the features of a form, which are extracted of renditions whose longer side is `side` pixels."""
    return f"features-{RECIPE}-{side}-{form}"


def _place(key: str) -> str:
    if KEY.fullmatch(key) is None:
        raise ImageNotFound
    return key[:2]
