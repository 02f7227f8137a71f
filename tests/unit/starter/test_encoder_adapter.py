"""The starter encoder's adapter, over a stand-in for the embedder."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from rerank.query import Query, Role
from service.encoders.encoder import Encoder
from starter.encoder_adapter import StarterEncoder


class StandIn:
    """Remembers what it was asked."""

    dimension, fingerprint, max_text_tokens = 4, "abc", 32

    def __init__(self) -> None:
        self.texts: list[str | None] = []
        self.roles: list[Role] = []

    def encode(
        self, texts: Sequence[str | None], images: Sequence[Image.Image | None], roles: Sequence[Role]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        self.texts, self.roles = list(texts), list(roles)
        vectors = np.zeros((len(texts), 4), np.float32)
        vectors[:, 0] = 1
        return vectors, np.array([text is not None and len(text) > 5 for text in texts])


def test_info_comes_from_the_embedder() -> None:
    encoder: Encoder = StarterEncoder(StandIn())
    info = encoder.info
    assert (info.id, info.dimension, info.fingerprint, info.max_text_tokens) == ("starter", 4, "abc", 32)
    assert info.modalities == {"text", "image", "composed"}


def test_a_mixed_batch_and_blank_texts() -> None:
    embedder = StandIn()
    image = Image.new("RGB", (4, 4))
    queries = [Query("a long text"), Query(" ", image), Query("mug", image, role="document")]
    result = StarterEncoder(embedder).encode(queries)
    assert embedder.texts == ["a long text", None, "mug"]
    assert embedder.roles == ["query", "query", "document"]
    assert result.vectors.shape == (3, 4) and result.vectors.dtype == np.float32
    assert result.truncated.tolist() == [True, False, False]


def test_an_empty_batch() -> None:
    result = StarterEncoder(StandIn()).encode([])
    assert result.vectors.shape == (0, 4) and result.truncated.shape == (0,)
