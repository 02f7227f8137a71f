"""Closed-form heads: linear maps of what the frozen backbone sees, beside the part that was trained by gradient.

`names`    ridge regression (Hoerl and Kennard, Technometrics 1970) from an image to MiniLM's embedding of what it
           shows, so that words find an image that has none.
`classes`  linear discriminants (Rao, J. R. Stat. Soc. B 1948): the directions in which images of one thing, drawn or
           photographed in many ways, agree, and images of different things differ.
`trained_basis`, `words_basis`  principal directions of the trained embedder's vectors and of MiniLM's.

`starter.training.train_heads` fits all four in minutes; nothing here is learned by steps.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from starter.embedder import read_weights, weight_file
from starter.views import Views

FILE = "heads.safetensors"
HELD_OUT_FILE = "heads-held-out.safetensors"
"""Fitted without the reserved concepts: what `make evaluate-starter` measures."""
MIDDLE_SHARE = 0.5
"""Of the middle's features beside 1 for those of the whole, in what `names` reads."""


def pooled(cells: Views) -> Views:
    """Means over the cells of each view: [n, 49, 1280] → [n, 1280]."""
    return Views(cells.whole.mean(1), cells.middle.mean(1))


def unit(vectors: Tensor) -> Tensor:
    """Rows of length 1; rows of zeros stay."""
    return functional.normalize(vectors, dim=-1)


@dataclass(frozen=True, slots=True)
class Heads:
    """The fitted matrices. Features are means over the backbone's cells (`pooled`), FEATURES = 1280 wide."""

    mean: Tensor
    """Mean features of each view, [2, 1280]."""
    names: Tensor
    """[2560, 384]."""
    names_mean: Tensor
    """[384]: the mean embedding of names."""
    classes: Tensor
    """[1280, k]."""
    trained_basis: Tensor
    """[384, e], orthonormal columns."""
    words_basis: Tensor
    """[384, w], orthonormal columns."""

    @classmethod
    def load(cls, path: Path | None = None) -> "Heads":
        """The heads in the package, or those of `path`.

        Raises:
            FileNotFoundError: no such file.
            RuntimeError: the file does not hold the heads of a starter encoder.
        """
        path = weight_file(FILE, path)
        state = read_weights(path)
        if state.keys() != {field.name for field in fields(cls)}:
            raise RuntimeError(f"{path} does not hold the heads of a starter encoder")
        return cls(**state)

    def state(self) -> dict[str, Tensor]:
        """The matrices by name, as `load` reads them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def centered(self, features: Views) -> Views:
        """Features of both views without their means."""
        return Views(features.whole - self.mean[0], features.middle - self.mean[1])

    def named(self, centered: Views) -> Tensor:
        """What images show, as a direction from the mean name in MiniLM's space, [n, 384], not normalized."""
        return torch.cat((unit(centered.whole), MIDDLE_SHARE * unit(centered.middle)), 1) @ self.names

    def classified(self, centered: Views) -> Views:
        """Both views in the space of the discriminants, unit vectors [n, k] each."""
        return Views(unit(centered.whole @ self.classes), unit(centered.middle @ self.classes))
