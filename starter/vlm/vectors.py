"""The embedder's vectors of a question: of its words, of its image, and of both."""

from dataclasses import dataclass, field

from torch import Tensor

from starter.embedder import StarterEmbedder, written
from starter.looks import Words
from starter.vlm.eyes import Seen


@dataclass(slots=True)
class Sight:
    """A query's image as it can be kept: what was seen of it, and vectors [384] by the words beside it that the encoder
    has made of it (`Look.known`), with that of the image alone once a question was about it.
    """

    seen: Seen
    known: dict[Words | None, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QuestionVectors:
    """Unit vectors [384]: of the whole query, of its words and of its image, as far as it has any."""

    composed: Tensor
    words: Tensor | None
    image: Tensor | None


def question_vectors(embedder: StarterEmbedder, text: str | None, image: Sight | None) -> QuestionVectors:
    """The vectors of a query. ValueError for one of nothing."""
    alone = None if image is None else _alone(embedder, image)
    if text is None:
        if alone is None:
            raise ValueError("a query needs a text, an image or both")
        return QuestionVectors(alone, None, alone)
    ids, mask, _ = embedder.tokenize([text])
    words = embedder.compose(None, ids, mask)[0]
    if image is None:
        return QuestionVectors(words, words, None)
    composed = image.known.get(written(ids, mask)[0])
    if composed is None:
        composed = embedder.compose(image.seen.tokens, ids, mask)[0]
    return QuestionVectors(composed, words, alone)


def _alone(embedder: StarterEmbedder, image: Sight) -> Tensor:
    if None not in image.known:
        image.known[None] = embedder.compose(image.seen.tokens, None, None)[0].clone()
    return image.known[None]
