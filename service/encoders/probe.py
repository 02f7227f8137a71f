"""A self-check of an encoder with a text, an image and both, as a query and as a document."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from rerank.query import Query
from service.encoders.encoder import Encoder, EncoderInfo, Modality
from service.errors import EncoderUnavailable

_TOLERANCE = 1e-3


def examples(info: EncoderInfo) -> list[Query]:
    """A text, an image of coarse noise, and both: those of them that the encoder embeds."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    image = Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC)
    text = "a phone case with the pattern of this image, in blue"
    kinds: dict[Modality, Query] = {"text": Query(text), "image": Query(image=image), "composed": Query(text, image)}
    return [query for kind, query in kinds.items() if kind in info.modalities]


def probe(encoder: Encoder) -> None:
    """Encode one query of each kind and role. Raises `EncoderUnavailable` unless it returns unit vectors."""
    queries = examples(encoder.info)
    queries += [replace(query, role="document") for query in queries]
    try:
        vectors = encoder.encode(queries).vectors
    except (RuntimeError, ValueError, OSError) as error:  # what torch raises, including out of memory
        raise EncoderUnavailable(
            "The encoder loads but cannot embed; see the log for the cause. Set WITHTHIS_ENCODER_DEVICE=cpu and "
            "WITHTHIS_ENCODER_DTYPE=float32 to rule out the device."
        ) from error
    if vectors.shape != (len(queries), encoder.info.dimension):
        raise EncoderUnavailable(
            "The encoder returns embeddings of another dimension than it declares: its files do not match."
        )
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=_TOLERANCE):  # also False if a number is NaN
        raise EncoderUnavailable(
            "The encoder returns embeddings that are not of length 1: its weights are damaged, or the dtype is too "
            "small for them. Set WITHTHIS_ENCODER_DTYPE=float32, or download the weights again."
        )
