"""The embedder's vectors of a question: of its words, of its image, of both, and of candidates not seen before."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from starter.embedder import StarterEmbedder
from starter.views import Views
from starter.vlm.eyes import Seen


@dataclass(slots=True)
class Sight:
    """One image as it can be kept: what was seen of it, and its vector [384] once a question was about it."""

    seen: Seen
    vector: Tensor | None = None


def question_vectors(
    embedder: StarterEmbedder, text: str | None, image: Sight | None, candidates: Sequence[Sight]
) -> tuple[Tensor, Tensor | None]:
    """The vector [384] of the whole query and that of its words, if it has any; the images get theirs.

    ValueError for a query of nothing.
    """
    if text is None and image is None:
        raise ValueError("a query needs a text, an image or both")
    complete(embedder, candidates if image is None else [image, *candidates])
    if text is None:
        assert image is not None and image.vector is not None
        return image.vector, None
    ids, mask, _ = embedder.tokenize([text])
    written = embedder.compose(None, ids, mask)[0]
    return written if image is None else embedder.compose(image.seen.tokens, ids, mask)[0], written


def complete(embedder: StarterEmbedder, images: Sequence[Sight]) -> None:
    """Give images their vectors, in one pass for those that have none."""
    new = list({id(sight): sight for sight in images if sight.vector is None}.values())
    if new:
        tokens = Views.joined([sight.seen.tokens for sight in new])
        for sight, vector in zip(new, embedder.compose(tokens, None, None), strict=True):
            sight.vector = vector.clone()
