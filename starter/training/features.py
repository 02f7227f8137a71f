"""Render the training images and run the frozen backbone over them once; resumable shard by shard.

The result is one memory-mapped array, float16 [images, 2, 49, 1280] for the two views, beside `pictures.jsonl` that
says what each shows.
"""

import json
import multiprocessing
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track
from torch import Tensor

from service.encoders.compiled.runtime import onnxruntime
from starter.backbone import CELLS, FEATURES, SIDE, Backbone
from starter.rendering import COLOURS, KINDS, render_motif, render_product
from starter.training.artwork import EMOJI_STYLES, Artwork, read_index
from starter.views import pixels

SHARD = 256
BLOCK = 8
"""Images that the backbone sees at once."""


@dataclass(frozen=True, slots=True)
class DrawnImage:
    """One training image: artwork (its row in the index), and kind and color if it is a product."""

    art: int
    kind: str | None
    colour: str | None
    seed: int


def plan(index: list[Artwork], seed: int) -> list[DrawnImage]:
    """Which images to make: 2 motifs and 5 products of artwork in the main emoji styles, else 1 and 2.

    The last product of an emoji repeats the first one's kind in another color, for color edits.
    """
    rng, planned = random.Random(seed), []
    kinds, colours = list(KINDS), list(COLOURS)
    for art, row in enumerate(index):
        motifs, products = (2, 5) if row.style in EMOJI_STYLES else (1, 2)
        planned += [DrawnImage(art, None, None, rng.getrandbits(32)) for _ in range(motifs)]
        chosen = rng.sample(kinds, products)
        shades = rng.sample(colours, products)
        if products > 2:
            chosen[-1] = chosen[0]
        planned += [DrawnImage(art, k, c, rng.getrandbits(32)) for k, c in zip(chosen, shades, strict=True)]
    return planned


def draw(drawn: DrawnImage, artwork: Image.Image) -> Image.Image:
    """The image as the backbone sees it: RGB, 224×224."""
    rng = random.Random(drawn.seed)
    if drawn.kind is None or drawn.colour is None:
        return render_motif(artwork, rng)
    return render_product(drawn.kind, drawn.colour, artwork, rng)


def export_onnx(path: Path) -> None:
    """The backbone as an ONNX graph: the same function, three times as fast in batches on CPU."""
    if path.exists():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = (torch.zeros(1, 3, SIDE, SIDE),)
        axes = {"x": {0: "n"}}
        torch.onnx.export(Backbone(), example, str(path), dynamo=False, input_names=["x"], dynamic_axes=axes)


@cache
def backbone_session(path: str) -> onnxruntime.InferenceSession:
    """The exported backbone, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options)


def backbone_blocks(
    onnx: Path, images: Sequence[Image.Image], prepare: Callable[[list[Image.Image]], Tensor] = pixels
) -> Iterator[NDArray[np.float32]]:
    """The cells of images by the exported backbone, [views, 49, 1280] for each `BLOCK` of them in turn.

    `prepare` makes pixels of a block: of both views, all wholes before all middles, unless it is another function.
    """
    session = backbone_session(str(onnx))
    for start in range(0, len(images), BLOCK):
        yield session.run(None, {"x": prepare(list(images[start : start + BLOCK])).contiguous().numpy()})[0]


_Job = tuple[Path, Path, int, list[DrawnImage], list[str]]
"""Feature root, artwork root, first row, the images, and the files of their artwork."""


def _shard(job: _Job) -> int:
    root, art_root, start, planned, paths = job
    images = [draw(p, Image.open(art_root / path).convert("RGBA")) for p, path in zip(planned, paths, strict=True)]
    features = np.lib.format.open_memmap(root / "features.npy", mode="r+")
    place = start
    for block in backbone_blocks(root / "backbone.onnx", images):
        both = np.stack(np.split(block.astype(np.float16), 2), axis=1)
        features[place : place + len(both)] = both
        place += len(both)
    features.flush()
    (root / f"shard-{start:07d}.done").touch()
    return start


def _jobs(root: Path, art_root: Path, index: list[Artwork], planned: list[DrawnImage]) -> Iterator[_Job]:
    for start in range(0, len(planned), SHARD):
        if not (root / f"shard-{start:07d}.done").exists():
            block = planned[start : start + SHARD]
            yield root, art_root, start, block, [index[drawn.art].path for drawn in block]


def build_features(art_root: Path, root: Path, *, seed: int, workers: int = 2) -> None:
    """Make (or finish) the feature array under `root` for the artwork index under `art_root`."""
    root.mkdir(parents=True, exist_ok=True)
    index = read_index(art_root)
    planned = plan(index, seed)
    if not (root / "features.npy").exists():
        shape = (len(planned), 2, CELLS, FEATURES)
        np.lib.format.open_memmap(root / "features.npy", mode="w+", dtype=np.float16, shape=shape).flush()
        (root / "pictures.jsonl").write_text("".join(json.dumps(asdict(p)) + "\n" for p in planned), "utf-8")
    export_onnx(root / "backbone.onnx")
    jobs = list(_jobs(root, art_root, index, planned))
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for _ in track(pool.imap_unordered(_shard, jobs), "features", total=len(jobs)):
            pass


def load_features(root: Path) -> tuple[NDArray[np.float16], list[DrawnImage]]:
    """The finished array (memory-mapped) and what its rows show."""
    with (root / "pictures.jsonl").open(encoding="utf-8") as lines:
        planned = [DrawnImage(**json.loads(line)) for line in lines]
    return np.load(root / "features.npy", mmap_mode="r"), planned
