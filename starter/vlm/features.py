"""What the reranker needs of a candidate's image, in 10 KB that can be stored in place of the look at it.

Numbers of 8 bits, with a scale for each vector: late interaction bears much less (ColBERTv2, Santhanam et al., arXiv
2112.01488, stores 1 or 2 bits a number). Of 400 queries to the demo shop, 4 get another order than by 32 bits: two
neighbors behind the third place whose scores differ by less than 0.001. By 16 bits, in twice the bytes, it is 2.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from torch import Tensor

from rerank.engines.features import FeatureForm
from starter.backbone import CELLS
from starter.composer import IMAGE_TOKENS
from starter.embedder import StarterEmbedder, weight_file
from starter.minilm import WIDTH
from starter.namer import Named, Namer
from starter.vlm.decoder import HIDDEN
from starter.vlm.eyes import CELL_WIDTH, Eyes
from starter.vlm.sequence import Candidates

FORM = np.dtype(
    [
        ("tokens", "i1", (IMAGE_TOKENS, HIDDEN)),
        ("token_scales", "<f2", (IMAGE_TOKENS,)),
        ("cells", "i1", (CELLS, CELL_WIDTH)),
        ("cell_scales", "<f2", (CELLS,)),
        ("importance", "<f2", (CELLS,)),
        ("vector", "<f2", (WIDTH,)),
        ("kind", "<i2"),
        ("thing", "<i2"),
        ("exact", "i1"),
        ("is_product", "i1"),
    ]
)
"""The features of one image: `Candidates` of one, and what the namer says of it (`Namer.number`; -1: nothing)."""
_RECIPE = 1
"""Goes up when the same weights begin to give other features."""
_EYES = "eyes."
_MOST = 127
_LEAST_SCALE = 1e-4
"""Keeps a scale above the smallest numbers of 16 bits."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The candidates of a question: as the decoder is shown them, what each is named, and which may be products."""

    shown: Candidates
    named: Sequence[Named]
    are_products: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.named)


class CandidateFeatures:
    """Makes features of images, and reads them; `form` is that of `feature_form`."""

    def __init__(self, embedder: StarterEmbedder, eyes: Eyes, namer: Namer, form: FeatureForm) -> None:
        self._embedder, self._eyes, self._namer = embedder, eyes, namer
        self.form = form

    @classmethod
    def load(cls, path: Path | None = None, embedder: StarterEmbedder | None = None) -> "CandidateFeatures":
        """Without the rest of the VLM, of the weights in the package or those of `path`.

        Raises:
            FileNotFoundError: no such file.
            RuntimeError: the file's keys or shapes are not those of this model.
        """
        embedder, eyes = embedder or StarterEmbedder.shipped(), Eyes()
        with safe_open(weight_file("vlm.safetensors", path), framework="torch") as file:
            names = [name for name in file.keys() if name.startswith(_EYES)]  # noqa: SIM118 (it is no dictionary)
            weights = {name.removeprefix(_EYES): file.get_tensor(name).float() for name in names}
        eyes.load_state_dict(weights, assign=True)
        form = feature_form(embedder.fingerprint, path)
        return cls(embedder, eyes.eval().requires_grad_(False), Namer.load(), form)

    @torch.inference_mode()
    def extract(
        self, images: Sequence[Image.Image], *, deadline: float | None = None, keep: bool = False
    ) -> list[bytes]:
        """The features of images, `FORM.itemsize` bytes each; `keep` the looks at them for the encoder.

        Raises:
            TimeoutError: `deadline` (a `time.monotonic` value) passed.
        """
        if deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError("the deadline passed before the candidates were looked at")
        look = self._embedder.look(images, keep=keep)
        vectors = self._embedder.vectors(look)
        tokens, details = self._eyes.show_tokens(look.tokens.whole), self._eyes.details(look.cells.middle)
        found = np.zeros(len(images), FORM)
        found["tokens"], found["token_scales"] = _quantized(tokens)
        found["cells"], found["cell_scales"] = _quantized(details[..., :CELL_WIDTH])
        found["importance"] = details[..., CELL_WIDTH].numpy()
        found["vector"] = vectors.numpy()
        wholes, middles = (cells.mean(1).numpy() for cells in (look.cells.whole, look.cells.middle))
        found["is_product"] = self._namer.are_products(wholes)
        for row, named in zip(found, self._namer.name(wholes, middles), strict=True):
            row["kind"], row["thing"] = self._namer.number(named.kind), self._namer.number(named.thing)
            row["exact"] = named.exact
        return [row.tobytes() for row in found]

    def read(self, features: Sequence[bytes]) -> Offer:
        """What was extracted of candidates. ValueError for bytes of another size."""
        if any(len(one) != FORM.itemsize for one in features):
            raise ValueError("these are not features of the starter")
        rows = np.frombuffer(b"".join(features), FORM)
        cells = _restored(rows["cells"], rows["cell_scales"])
        importance = torch.from_numpy(rows["importance"].astype(np.float32)).unsqueeze(-1)
        shown = Candidates(
            _restored(rows["tokens"], rows["token_scales"]),
            torch.cat((cells, importance), -1),
            torch.from_numpy(rows["vector"].astype(np.float32)),
        )
        name = self._namer.numbered
        named = [Named(name(row["kind"]), name(row["thing"]), bool(row["exact"])) for row in rows]
        return Offer(shown, named, rows["is_product"] != 0)


def feature_form(embedder: str, path: Path | None = None) -> FeatureForm:
    """Names the features by all that they are made by: an embedder's fingerprint, the weights of the VLM (of `path`, or
    those in the package) and of the namer, form and recipe. Raises FileNotFoundError.
    """
    digest = hashlib.sha256(f"{embedder} {FORM.descr} {_RECIPE}".encode())
    for file in (weight_file("vlm.safetensors", path), weight_file("namer.safetensors", None)):
        digest.update(file.read_bytes())
    return FeatureForm(f"starter-{digest.hexdigest()[:16]}", FORM.itemsize)


def _quantized(vectors: Tensor) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Vectors [… , d] as whole numbers from -127 to 127, and what each is to be multiplied by […]."""
    numbers = vectors.numpy()
    scales = np.maximum(np.abs(numbers).max(-1) / _MOST, _LEAST_SCALE).astype(np.float16)
    wholes = np.rint(numbers / scales[..., None].astype(np.float32))
    return np.clip(wholes, -_MOST, _MOST).astype(np.int8), scales


def _restored(wholes: NDArray[np.int8], scales: NDArray[np.float16]) -> Tensor:
    return torch.from_numpy(wholes * scales[..., None].astype(np.float32))
