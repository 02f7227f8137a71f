"""Real photographs with labels, for fitting and for measuring: a folder with `labels.csv` (image, source, label).

The split is by the hash of the image's path, so that it is the same for everybody who has the folder: of ten parts, six
are for fitting, one holds the query images and three the gallery. One studio image of each product (`ICONIC`) is in the
gallery of the groceries only, and fitted on by the same rule.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

Part = Literal["train", "query", "gallery"]
CLOTHING, GROCERY, ICONIC = "clothing", "grocery", "grocery-iconic"


@dataclass(frozen=True, slots=True)
class Photo:
    """One photograph: its path in the folder, where it is from, and what it shows."""

    image: str
    source: str
    label: str

    @property
    def part(self) -> Part:
        """By SHA-256 of the path, modulo 10: below 6 for fitting, 6 a query, above in the gallery."""
        tenth = int(hashlib.sha256(self.image.encode()).hexdigest(), 16) % 10
        return "train" if tenth < 6 else "query" if tenth == 6 else "gallery"


def read_photos(folder: Path) -> list[Photo]:
    """The rows of `labels.csv`. Raises FileNotFoundError."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return [Photo(row["image"], row["source"], row["label"]) for row in csv.DictReader(file)]


def open_photo(folder: Path, photo: Photo) -> Image.Image:
    """The photograph, RGB."""
    with Image.open(folder / photo.image) as image:
        return image.convert("RGB")
