"""The artwork that ships with the repository: the held-out motifs in three styles (licenses in `THIRD_PARTY.md`)."""

import io
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files

from PIL import Image

from starter.concepts import concept_names

STYLES = ("fluent", "noto", "twemoji")


@cache
def _archive() -> Mapping[str, bytes]:
    with as_file(files("starter").joinpath("artwork.zip")) as path, zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@cache
def motif(style: str, code: str) -> Image.Image:
    """RGBA artwork of emoji `code` in one of `STYLES`, cropped to its content.

    Raises:
        KeyError: that motif is not shipped in that style.
    """
    return Image.open(io.BytesIO(_archive()[f"{style}/{code}.webp"])).convert("RGBA")


def motif_names() -> dict[str, str]:
    """Emoji code → name of every shipped motif; none of them was trained on."""
    return concept_names("held-out")
