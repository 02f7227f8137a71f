"""Images as the frozen backbone sees them, each looked at once: what the heads and the namer are fitted on.

Kept are the means over the cells of both views, batch by batch, so that a run that was stopped goes on.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from starter.training.features import backbone_blocks, export_onnx

Features = NDArray[np.float32]
_ITEMS = 24
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class SeenImage:
    """One image: what it shows (the code of an emoji, or the label of a photograph), that thing's name, the artwork's
    style (of a photograph its path), and kind and color if it is a product.
    """

    thing: str
    name: str
    style: str
    kind: str | None = None
    color: str | None = None


Shown = tuple[SeenImage, Image.Image]


def seen(
    root: Path, items: Iterable[Item], draw: Callable[[Item], Sequence[Shown]], *, workers: int = 2
) -> tuple[list[SeenImage], Features]:
    """The images that `draw`, a function of a module, makes of the items, and their features [n, 2, 1280].

    What is missing under `root` is made first.
    """
    if not (root / "done").exists():
        root.mkdir(parents=True, exist_ok=True)
        export_onnx(root.with_name("backbone.onnx"))
        with get_context("spawn").Pool(workers) as pool:
            jobs = pool.imap(partial(_look, root.with_name("backbone.onnx"), draw), _missing(root, items))
            for _ in track(jobs, root.name, total=None):
                pass
        (root / "done").touch()
    return _read(root)


def _missing(root: Path, items: Iterable[Item]) -> Iterator[tuple[Path, tuple[Item, ...]]]:
    source = iter(items)
    batches = iter(lambda: tuple(islice(source, _ITEMS)), ())
    for number, batch in enumerate(batches):
        if not (path := root / f"{number:05d}.npz").exists():
            yield path, batch


def _look(onnx: Path, draw: Callable[[Item], Sequence[Shown]], job: tuple[Path, tuple[Item, ...]]) -> None:
    path, items = job
    rows, images = zip(*(shown for item in items for shown in draw(item)), strict=True)
    blocks = [np.stack(np.split(block.mean(1), 2), axis=1) for block in backbone_blocks(onnx, images)]
    unfinished = path.with_name(f"part-{path.name}")
    text = json.dumps([asdict(row) for row in rows])
    np.savez(unfinished, rows=np.array(text), features=np.concatenate(blocks).astype(np.float16))
    unfinished.replace(path)


def _read(root: Path) -> tuple[list[SeenImage], Features]:
    batches = [np.load(path) for path in sorted(root.glob("[0-9]*.npz"))]
    rows = [SeenImage(**row) for batch in batches for row in json.loads(str(batch["rows"]))]
    return rows, np.concatenate([batch["features"] for batch in batches]).astype(np.float32)
