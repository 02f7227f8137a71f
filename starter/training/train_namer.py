"""Fit the namer: `python -m starter.training.train_namer [--photos FOLDER]`; closed form, a few minutes.

Discriminants: Fisher's, of the pooled within-class covariance with shrinkage towards the identity (Friedman,
"Regularized Discriminant Analysis", JASA 84(405), 1989) against the scatter of the class means, over three domains
alike: motifs alone, the middle of products, photographs. Calibration is on data that was not fitted on: every fold
leaves out one style of artwork, a fifth of the photographs and a share of all things, so that the threshold is set with
styles and things that the classes have never met. Noto, the style of the demo's query images, serves for figures alone.
"""

import argparse
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from safetensors.numpy import save_file

from starter.concepts import concept_names
from starter.namer import Chain, Classes, Floats
from starter.rendering import KINDS
from starter.training.fitting_images import UNSEEN_STYLE
from starter.training.naming_examples import STYLES, Example, examples
from starter.training.packages import Packages

WEIGHTS = Path(__file__).parents[1] / "weights" / "namer.safetensors"
DIMENSIONS = 256
SHRINKAGE = 0.1
PRINCIPAL = 512
"""Directions of the features that are kept, with nine tenths of their variance."""
PRECISION = 0.93
"""Of what is said of images that were not fitted on, of things that were never seen among them."""
PARTS = ("alone", "printed", "kind", "photograph")
STRANGERS = 0.15
"""Share of things that a fold leaves out."""
RADIUS_QUANTILE = 0.98
_TEMPERATURES = np.geomspace(0.5, 32, 13)
_THRESHOLDS = np.arange(0.3, 0.996, 0.015)
Mask = NDArray[np.bool_]
_console = Console(width=140)


@dataclass(frozen=True, slots=True)
class Data:
    """Examples as columns, with their features [n, d]."""

    features: Floats
    parts: NDArray[np.str_]
    things: NDArray[np.str_]
    styles: NDArray[np.str_]
    chains: dict[str, Chain]

    @classmethod
    def of(cls, rows: Sequence[Example], features: Floats) -> "Data":
        """The columns of these rows."""
        parts, things, styles = (np.array([getattr(row, name) for row in rows]) for name in ("part", "thing", "style"))
        return cls(features, parts, things, styles, {row.thing: row.chain for row in rows})

    def part(self, *names: str) -> Mask:
        """Rows of these parts."""
        return np.isin(self.parts, names)

    def domains(self, rows: Mask) -> Iterator[tuple[Floats, NDArray[np.str_]]]:
        """Features and classes, part by part, where there are any."""
        for part in PARTS:
            if (chosen := rows & self.part(part)).any():
                yield self.features[chosen], self.things[chosen]


def class_means(points: Floats, classes: NDArray[np.str_]) -> tuple[list[str], Floats, NDArray[np.intp]]:
    """The classes in order, their means [c, d], and each point's class."""
    names, places = np.unique(classes, return_inverse=True)
    sums = np.zeros((len(names), points.shape[1]), np.float32)
    np.add.at(sums, places, points)
    means = np.asarray(sums / np.bincount(places)[:, None], np.float32)
    return [str(name) for name in names], means, places


def discriminants(data: Data, rows: Mask) -> tuple[Floats, Floats]:
    """The mean [d] and the projection [d, 256] that whitens what varies within classes."""
    domains = list(data.domains(rows))
    mean = np.concatenate([points for points, _ in domains]).mean(0)
    width = len(mean)
    within, between = np.zeros((width, width), np.float32), np.zeros((width, width), np.float32)
    for points, classes in domains:
        _, means, places = class_means(points - mean, classes)
        spread, scatter = points - mean - means[places], means - means.mean(0)
        within += spread.T @ spread / max(1, len(points) - len(means)) / len(domains)
        between += scatter.T @ scatter / len(means) / len(domains)
    within += SHRINKAGE * np.trace(within) / width * np.eye(width, dtype=np.float32)
    values, vectors = np.linalg.eigh(within)
    whiten = vectors / np.sqrt(values)
    _, directions = np.linalg.eigh(whiten.T @ between @ whiten)
    return mean, np.asarray(whiten @ directions[:, ::-1][:, :DIMENSIONS], np.float32)


@dataclass(frozen=True, slots=True)
class Fit:
    """Discriminants and both sets of classes, not yet calibrated."""

    mean: Floats
    projection: Floats
    whole: Classes
    printed: Classes

    def points(self, features: Floats) -> Floats:
        """[n, d] → [n, 256]."""
        return np.asarray((features - self.mean) @ self.projection, np.float32)


def fit(data: Data, rows: Mask) -> Fit:
    """Fit on some rows; kinds of product come last among the classes of the whole."""
    mean, projection = discriminants(data, rows)
    points = np.asarray((data.features - mean) @ projection, np.float32)
    found = {}
    for name, part in (("things", ("alone", "photograph")), ("kinds", ("kind",)), ("prints", ("printed",))):
        chosen = rows & data.part(*part)
        found[name] = class_means(points[chosen], data.things[chosen])[:2]
    rough = {"temperature": 8.0, "threshold": 0.5, "radius": np.inf}
    whole_names = found["things"][0] + found["kinds"][0]
    whole_means = np.concatenate((found["things"][1], found["kinds"][1]))
    names, means = found["prints"]
    return Fit(
        mean,
        projection,
        Classes(whole_means, [data.chains[name] for name in whole_names], **rough),
        Classes(means, [data.chains[name] for name in names], **rough),
    )


def strangers(data: Data, fold: int) -> Mask:
    """Rows of the things that a fold leaves out; kinds of product are always known."""
    out = {thing for thing in data.chains if zlib.crc32(f"{fold} {thing}".encode()) % 1000 < 1000 * STRANGERS}
    return np.isin(data.things, list(out - set(KINDS)))


def folds(data: Data, rows: Mask) -> Iterator[tuple[Mask, Mask]]:
    """What to fit on and what to calibrate on, one pair a style."""
    fifth = np.array([zlib.crc32(style.encode()) % len(STYLES) for style in data.styles])
    for number, style in enumerate(STYLES):
        held = np.where(data.part("photograph"), fifth == number, data.styles == style)
        yield rows & ~held & ~strangers(data, number), rows & held


@dataclass(frozen=True, slots=True)
class Trial:
    """Distances of left-out images to the classes of one fold, and what each of them may be called."""

    classes: Classes
    distances: Floats
    chains: list[Chain]

    @property
    def known(self) -> "Trial":
        """The images whose exact name the classes have."""
        names = {chain[0] for chain in self.classes.chains if chain}
        kept = [row for row, chain in enumerate(self.chains) if chain and chain[0] in names]
        return Trial(self.classes, self.distances[kept], [self.chains[row] for row in kept])

    def with_(self, settings: dict[str, float]) -> "Trial":
        """The same with other settings."""
        classes = Classes(self.classes.centers, self.classes.chains, **settings)
        return Trial(classes, self.distances, self.chains)

    def said(self, threshold: float) -> list[tuple[str, Chain]]:
        """What is said of the images of which something is said, and what may be."""
        pairs = zip(self.classes.hedged(self.distances, threshold), self.chains, strict=True)
        return [(name, chain) for name, chain in pairs if name is not None]

    def precision(self, threshold: float) -> tuple[int, int]:
        """Of how many images something is said, and of how many it is right."""
        said = self.said(threshold)
        return len(said), sum(name in chain for name, chain in said)


def calibrated(trials: Sequence[Trial]) -> dict[str, float]:
    """Temperature by likelihood, radius by a quantile, and the lowest threshold that is precise enough."""
    known = [trial.known for trial in trials]
    radius = float(np.quantile(np.concatenate([trial.distances.min(1) for trial in known]), RADIUS_QUANTILE))
    temperature = min(_TEMPERATURES, key=lambda value: sum(_surprise(trial, value) for trial in known))
    settings = {"temperature": float(temperature), "threshold": 1.0, "radius": radius}
    for threshold in _THRESHOLDS:
        said, right = np.sum([trial.with_(settings).precision(threshold) for trial in trials], axis=0)
        if said and right / said >= PRECISION:
            return {**settings, "threshold": float(threshold)}
    return settings


def _surprise(trial: Trial, temperature: float) -> float:
    """Negative log likelihood of the exact names of images whose name the fold knows."""
    classes = trial.with_({"temperature": temperature, "threshold": 0.0, "radius": 0.0}).classes
    firsts = np.array([chain[0] if chain else "" for chain in classes.chains])
    own = np.array([chain[0] for chain in trial.chains])[:, None] == firsts
    return -float(np.log((classes.probabilities(trial.distances) * own).sum(1) + 1e-9).sum())


def _trial(fitted: Fit, data: Data, rows: Mask, printed: bool) -> Trial:
    chosen = rows & (data.part("printed") if printed else ~data.part("printed"))
    classes = fitted.printed if printed else fitted.whole
    distances = classes.distances(fitted.points(data.features[chosen]))
    return Trial(classes, distances, [data.chains[thing] for thing in data.things[chosen]])


def calibrate(data: Data, rows: Mask) -> dict[str, dict[str, float]]:
    """Settings of both sets of classes, over all folds."""
    trials: dict[str, list[Trial]] = {"whole": [], "printed": []}
    for fitting, held in folds(data, rows):
        fitted = fit(data, fitting)
        trials["whole"].append(_trial(fitted, data, held, printed=False))
        trials["printed"].append(_trial(fitted, data, held, printed=True))
    return {name: calibrated(found) for name, found in trials.items()}


def figures(fitted: Fit, settings: dict[str, dict[str, float]], data: Data, rows: Mask) -> dict[str, Any]:
    """Shares of images with a name, with the exact one, and with a false one."""
    printed = bool((rows & data.part("printed")).any())
    name = "printed" if printed else "whole"
    trial = _trial(fitted, data, rows, printed).with_(settings[name])
    said, count = trial.said(settings[name]["threshold"]), len(trial.chains)
    return {
        "images": count,
        "named": len(said) / count,
        "exact": sum(name == chain[0] for name, chain in said if chain) / count,
        "false": sum(name not in chain for name, chain in said) / count,
    }


def principal(features: Floats) -> Floats:
    """The directions [1280, 512] in which features vary most."""
    _, vectors = np.linalg.eigh(np.cov(features.T))
    return np.asarray(vectors[:, ::-1][:, :PRINCIPAL], np.float32)


def export(fitted: Fit, basis: Floats, settings: dict[str, dict[str, float]], motifs: dict[str, Chain]) -> None:
    """Write the weights to ship: float16; beside them the calibration, and the names of classes and shipped motifs."""
    projection = basis @ fitted.projection
    tensors = {"projection": projection, "whole": fitted.whole.centers, "printed": fitted.printed.centers}
    halves = {name: np.ascontiguousarray(value.astype(np.float16)) for name, value in tensors.items()}
    about = {
        name: {"chains": classes.chains, "calibration": settings[name]}
        for name, classes in (("whole", fitted.whole), ("printed", fitted.printed))
    }
    metadata = {"namer": json.dumps({**about, "kinds": len(KINDS), "motifs": motifs})}
    save_file({**halves, "origin": (fitted.mean @ fitted.projection).astype(np.float32)}, WEIGHTS, metadata)


def _rows_of(data: Data, reserved: Mask) -> Iterator[tuple[str, Mask]]:
    """What figures are given for: never fitted on are the style Noto and, in the protocol, the reserved things."""
    noto = data.styles == UNSEEN_STYLE
    yield f"motifs in the style {UNSEEN_STYLE}", noto & data.part("alone") & ~reserved
    yield f"motifs on products, {UNSEEN_STYLE}", noto & data.part("printed") & ~reserved
    yield f"held-out motifs, {UNSEEN_STYLE}", noto & data.part("alone") & reserved
    yield "held-out motifs, other styles", ~noto & data.part("alone") & reserved
    yield "held-out motifs on products", ~noto & data.part("printed") & reserved


def photograph_figures(settings: dict[str, dict[str, float]], data: Data, rows: Mask) -> Iterator[dict[str, Any]]:
    """Figures of the photographs that each fold leaves out."""
    for fitting, held in folds(data, rows):
        if (held & data.part("photograph")).any():
            yield figures(fit(data, fitting), settings, data, held & data.part("photograph"))


def _show(name: str, found: dict[str, Any]) -> None:
    _console.print(f"{name:40s}" + "  ".join(f"{key} {value:.3f}" for key, value in found.items()))


def main() -> None:
    """Fit with the held-out things unseen and print the figures; then fit on everything, print again, and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="folder with labels.csv")
    options = parser.parse_args()
    packages = Packages.default()
    packages.fetch()
    rows, features = examples(packages, options.photos)
    basis = principal(features[[row.style != UNSEEN_STYLE for row in rows]])
    data = Data.of(rows, features @ basis)
    reserved = np.isin(data.things, [*concept_names("dev"), *concept_names("held-out")])
    usable = data.styles != UNSEEN_STYLE
    for title, chosen in (("protocol", usable & ~reserved), ("shipped", usable)):
        settings = calibrate(data, chosen)
        fitted = fit(data, chosen)
        _console.print(title, settings)
        for name, part in _rows_of(data, reserved):
            _show(name, figures(fitted, settings, data, part))
        for number, found in enumerate(photograph_figures(settings, data, chosen), start=1):
            _show(f"photographs left out by fold {number}", found)
    export(fitted, basis, settings, {code: data.chains[code] for code in concept_names("held-out")})


if __name__ == "__main__":
    main()
