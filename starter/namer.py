"""Names what an image shows, as exactly as it is sure, or not at all.

Linear discriminants over the frozen backbone's features, one class a thing, fitted in closed form
(`starter.training.train_namer`). A class has a chain of names, from the exact one to broader ones ("a leopard",
"an animal"). Said is the most exact name whose probability reaches a threshold, which was set for precision on data
that nothing was fitted on: Deng, Krause, Berg and Fei-Fei, "Hedging Your Bets: Optimizing Accuracy-Specificity
Trade-offs in Large Scale Visual Recognition", CVPR 2012. An image that lies farther from every class than nearly all of
that data did is not named. Classes without names (people, the human body, flags, signs) keep their share of the
probability and are never spoken of.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from starter.embedder import weight_file

Floats = NDArray[np.float32]
_MAY_BE = 0.05
"""The least probability of all kinds together; 98 of 100 products of the demo shop reach it, 1 of 100 photographs."""
Chain = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """What an image shows: a product's `kind` and what is printed on it, or a `thing` alone; None where not sure."""

    kind: str | None = None
    thing: str | None = None
    exact: bool = False
    """Whether `thing` is broader than no other name."""

    @property
    def caption(self) -> str | None:
        """In a few words, such as "a mug with a leopard"."""
        if self.kind is None or self.thing is None:
            return self.kind or self.thing
        return f"{self.kind} with {self.thing}"


@dataclass(frozen=True, slots=True)
class Said:
    """A name and whether it is exact: broader than no other."""

    name: str
    exact: bool


class Classes:
    """Class means in the discriminants' space [c, k], with the chain of names of each class and the calibration."""

    def __init__(
        self, centers: Floats, chains: Sequence[Chain], *, temperature: float, threshold: float, radius: float
    ) -> None:
        self.centers, self.chains = centers, tuple(chains)
        self.temperature, self.threshold, self.radius = temperature, threshold, radius
        self._squares = (centers**2).sum(1)
        self._exact = {chain[0] for chain in chains if chain}.difference(*(chain[1:] for chain in chains))
        self.names = _by_exactness(chains)
        self._under = _memberships(chains, self.names)

    def distances(self, points: Floats) -> Floats:
        """Squared Euclidean distances of points [n, k] to the class means [n, c]."""
        squares = (points**2).sum(1)[:, None] + self._squares
        return np.asarray(np.maximum(squares - 2 * points @ self.centers.T, 0), np.float32)

    def probabilities(self, distances: Floats) -> Floats:
        """Of the classes, [n, c]: equal priors, one covariance, the calibrated temperature."""
        logits = -distances / (2 * self.temperature)
        weights = np.exp(logits - logits.max(1, keepdims=True))
        return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)

    def hedged(self, distances: Floats, threshold: float) -> list[str | None]:
        """For each image [n, c] the most exact name whose probability reaches the threshold; None where none does."""
        probable = self.probabilities(distances) @ self._under >= threshold
        sure = probable.any(1) & (distances.min(1) <= self.radius)
        return [self.names[place] if use else None for place, use in zip(probable.argmax(1), sure, strict=True)]

    def say(self, distances: Floats) -> list[Said | None]:
        """What is said of each image, by its distances [n, c]."""
        names = self.hedged(distances, self.threshold)
        return [None if name is None else Said(name, name in self._exact) for name in names]


def _memberships(chains: Sequence[Chain], names: Sequence[str]) -> Floats:
    """1 where a name [n] is in a chain [c], else 0: [c, n]."""
    places = {name: place for place, name in enumerate(names)}
    found = np.zeros((len(chains), len(names)), np.float32)
    for row, chain in zip(found, chains, strict=True):
        row[[places[name] for name in chain]] = 1
    return found


def _by_exactness(chains: Sequence[Chain]) -> tuple[str, ...]:
    """All names, those of few classes first, and before a name those that it is broader than."""
    holds = Counter(name for chain in chains for name in chain)
    depth = {name: place for chain in chains for place, name in enumerate(chain)}
    return tuple(sorted(holds, key=lambda name: (holds[name], depth[name], name)))


class Namer:
    """What an image shows, by the pooled backbone features of its two views."""

    def __init__(self, projection: Floats, origin: Floats, whole: Classes, printed: Classes, kinds: int) -> None:
        """`projection` [1280, k], less `origin` [k]; `whole`: things and, as its last classes, the `kinds` of product;
        `printed`: things in a product's middle.
        """
        self.motifs: dict[str, Chain] = {}
        self._projection, self._origin = projection, origin
        self._whole, self._printed, self._kinds = whole, printed, kinds
        self._names = tuple(dict.fromkeys((*whole.names, *printed.names)))
        self._numbers = {name: number for number, name in enumerate(self._names)}

    @classmethod
    def load(cls, path: Path | None = None) -> "Namer":
        """Load the weights in the package, or those of `path`.

        Raises:
            FileNotFoundError: no such file.
        """
        with safe_open(weight_file("namer.safetensors", path), framework="numpy") as file:
            about: dict[str, Any] = json.loads(file.metadata()["namer"])
            tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
        whole, printed = (
            Classes(tensors[name], [tuple(chain) for chain in about[name]["chains"]], **about[name]["calibration"])
            for name in ("whole", "printed")
        )
        namer = cls(tensors["projection"], tensors["origin"], whole, printed, about["kinds"])
        namer.motifs = {code: tuple(chain) for code, chain in about["motifs"].items()}
        return namer

    def name(self, wholes: Floats, middles: Floats) -> list[Named]:
        """Name images by the means over their cells, [n, 1280] each, of the whole and of the middle."""
        distances, printed = (
            classes.distances(means @ self._projection - self._origin)
            for classes, means in ((self._whole, wholes), (self._printed, middles))
        )
        shares = self._kind_shares(self._whole.probabilities(distances))
        said = zip(self._whole.say(distances), self._printed.say(printed), shares, strict=True)
        return [self._named(first, second, float(share)) for first, second, share in said]

    def _named(self, said: Said | None, printed: Said | None, share: float) -> Named:
        """One image, by what is said of its whole and of its middle, and the share of the kinds of product."""
        if said is None or share < self._whole.threshold:
            return Named() if said is None else Named(thing=said.name, exact=said.exact)
        return Named(said.name, *((printed.name, printed.exact) if printed else ()))

    def number(self, name: str | None) -> int:
        """The number of one of its names, for storing it; -1 for none."""
        return -1 if name is None else self._numbers[name]

    def numbered(self, number: int) -> str | None:
        """The name of a number; None for one that no name has."""
        return self._names[number] if 0 <= number < len(self._names) else None

    def are_products(self, wholes: Floats) -> NDArray[np.bool_]:
        """Whether images may be drawn products of one of the kinds, by the means of their wholes: [n, 1280] → [n]."""
        distances = self._whole.distances(wholes @ self._projection - self._origin)
        shares = self._kind_shares(self._whole.probabilities(distances))
        return np.asarray((distances.min(1) <= self._whole.radius) & (shares >= _MAY_BE))

    def _kind_shares(self, probabilities: Floats) -> Floats:
        return np.asarray(probabilities[:, -self._kinds :].sum(1), np.float32)
