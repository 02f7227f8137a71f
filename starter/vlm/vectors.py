"""The embedder's vectors of a question: of its words, of its image, and of both."""

from dataclasses import dataclass

from torch import Tensor

from starter.embedder import StarterEmbedder
from starter.vlm.eyes import Seen


@dataclass(slots=True)
class Sight:
    """A query's image as it can be kept: what was seen of it, and its vector [384] once a question was about it."""

    seen: Seen
    vector: Tensor | None = None


def question_vectors(embedder: StarterEmbedder, text: str | None, image: Sight | None) -> tuple[Tensor, Tensor | None]:
    """The vector [384] of the whole query and that of its words, if it has any; the image gets its own.

    ValueError for a query of nothing.
    """
    if image is not None and image.vector is None:
        image.vector = embedder.compose(image.seen.tokens, None, None)[0].clone()
    if text is None:
        if image is None or image.vector is None:
            raise ValueError("a query needs a text, an image or both")
        return image.vector, None
    ids, mask, _ = embedder.tokenize([text])
    written = embedder.compose(None, ids, mask)[0]
    return written if image is None else embedder.compose(image.seen.tokens, ids, mask)[0], written
