"""`python -m benchmarks.image_load`: the candidates' images of one reranked search, from originals or from renditions.

Nine images of each kind are in a local store and are read concurrently, as `SearchPipeline` reads them; the files are
in the system's cache in both cases. The target is a twentieth of the time of the originals for those of 3,000 pixels.
Storing an image costs its decoding anyway; what making its rendition adds is printed, too. The second table reads large
images that unpack from small files, all at once, and shows what the budget of pixels does for memory.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from benchmarks.report import Report, Sheet, Value
from benchmarks.watching import highest, resident_mb
from service.images.decode import ImageLimits
from service.images.store.derivatives import encode_rendition
from service.images.store.image_store import ImageStore

NUMBER, READERS, MOST = 9, 16, 0.05


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of product image; `target`: whether the target is about it."""

    name: str
    side: int
    format: str
    mode: str = "RGB"
    target: bool = False

    def encoded(self, seed: int) -> bytes:
        """A file of this kind: soft shapes under fine noise, as photographs have them."""
        options = {"JPEG": {"quality": 92}, "PNG": {"compress_level": 4}, "WEBP": {"quality": 88, "method": 0}}
        buffer = io.BytesIO()
        photograph(self.side, seed, self.mode).save(buffer, self.format, **options[self.format])
        return buffer.getvalue()


KINDS = (
    Kind("JPEG 1,000 px", 1000, "JPEG"),
    Kind("JPEG 3,000 px", 3000, "JPEG", target=True),
    Kind("WebP 3,000 px", 3000, "WEBP", target=True),
    Kind("PNG 1,500 px with alpha", 1500, "PNG", "RGBA"),
    Kind("PNG 3,000 px with alpha", 3000, "PNG", "RGBA", target=True),
)


def photograph(side: int, seed: int, mode: str) -> Image.Image:
    """Square, with an ellipse of alpha around the middle where the mode has alpha."""
    random = np.random.default_rng(seed)
    shapes = Image.fromarray(random.integers(20, 220, (24, 24, 3), dtype=np.uint8)).resize((side, side), 3)
    noise = random.integers(0, 24, (side, side, 1), dtype=np.uint8)
    image = Image.fromarray(np.asarray(shapes) + noise)
    if mode == "RGBA":
        image.putalpha(Image.radial_gradient("L").resize((side, side)).point([255] * 180 + [0] * 76))
    return image


def seconds(read: Callable[[str], object], keys: Sequence[str], runs: int) -> float:
    """The median time to read all of them concurrently."""
    times = []
    with ThreadPoolExecutor(READERS) as readers:
        for _ in range(runs):
            start = time.perf_counter()
            list(readers.map(read, keys))
            times.append(time.perf_counter() - start)
    return float(np.median(times))


def load_row(kind: Kind, folder: Path, runs: int) -> dict[str, Value]:
    """Nine of a kind."""
    store = ImageStore(folder, ImageLimits(max_bytes=100 * 2**20))
    files = [kind.encoded(seed) for seed in range(NUMBER)]
    keys = [store.put(data) for data in files]
    originals = seconds(store.open, keys, runs)
    image = store.open(keys[0]).image
    start = time.perf_counter()
    encode_rendition(image)
    making = time.perf_counter() - start
    seconds(store.rendition, keys, 1)
    renditions = seconds(store.rendition, keys, max(5, runs))
    return {
        "nine images": kind.name,
        "file, KB": sum(map(len, files)) / len(files) / 1000,
        "originals, ms": originals * 1000,
        "renditions, ms": renditions * 1000,
        "ratio": renditions / originals,
        "making one, ms": making * 1000,
    }


def memory_rows(folder: Path, count: int, side: int) -> list[dict[str, Value]]:
    """Images that unpack to many pixels, read all at once."""
    rows: list[dict[str, Value]] = []
    keys = []
    for number in range(count):
        buffer = io.BytesIO()
        Image.new("RGBA", (side, side), (number, 0, 0, 128)).save(buffer, "PNG")
        keys.append(ImageStore(folder).put(buffer.getvalue()))
    every = count * side * side
    ways: list[tuple[str, int, bool]] = [
        ("originals, no budget", every, False),
        ("originals, 40 million pixels", 40_000_000, False),
        ("renditions", 40_000_000, True),
    ]
    for name, pixels, rendition in ways:
        store = ImageStore(folder, ImageLimits(decode_pixels=pixels))
        if rendition:
            seconds(store.rendition, keys, 1)
        before = resident_mb()
        with highest(resident_mb) as most:
            taken = seconds(store.rendition if rendition else store.open, keys, 1)
        rows.append({f"{count} images of {side} × {side}": name, "s": taken, "memory, MB": most() - before})
    return rows


def main(
    runs: Annotated[int, typer.Option(min=1, help="Runs with the originals.")] = 5,
    large: Annotated[int, typer.Option(min=2, help="Large images at once.")] = 6,
    side: Annotated[int, typer.Option(min=500, max=6300, help="Side of the large images.")] = 5000,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure; ends with 1 if the target is missed."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [load_row(kind, Path(folder) / kind.name, runs) for kind in KINDS]
        memory = memory_rows(Path(folder) / "large", large, side)
    times = Sheet("Images of nine candidates, read side by side", rows, {"ratio": ".3f"})
    notes = [f"Aim: a ratio of at most {MOST} at 3,000 pixels."]
    Report([times, Sheet("Large images at the same time", memory)], notes).show(as_json=json)
    if any(float(row["ratio"] or 0) > MOST for row, kind in zip(rows, KINDS, strict=True) if kind.target):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
