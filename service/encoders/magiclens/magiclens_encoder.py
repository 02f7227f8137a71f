"""MagicLens behind the `Encoder` protocol."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch
from transformers import CLIPTokenizer

from rerank.query import Query
from service.encoders.device import DtypeName, resolve_device, resolve_dtype
from service.encoders.encoder import Embeddings, EncoderInfo, check_modalities
from service.encoders.magiclens.files import find_tokenizer, find_weights
from service.encoders.magiclens.network import MagicLens
from service.encoders.magiclens.preprocessing import to_pixels
from service.encoders.magiclens.weights import load_model
from service.encoders.options import Fit
from service.encoders.text_cleaning import clean
from service.encoders.tokens import Tokenizer, Tokens, pad
from service.errors import ConfigurationError

_PREPROCESSING = 1  # increment when the conversion of queries to pixels or ids changes
_PAD_ID = 0


class MagicLensEncoder:
    """Images, alone or with an instruction → one space. A text alone has no place in it.

    Products are images alone, as in the published code: a text is an instruction ("the same in red"), not a
    description. Calls may come from several threads; one batch computes at a time, others prepare theirs meanwhile.
    """

    def __init__(
        self, model: MagicLens, tokenizer: Tokenizer, info: EncoderInfo, *, fit: Fit = "crop", batch: int = 32
    ) -> None:
        """Take a loaded model; see `load`. `batch`: most queries computed at once."""
        self._model, self._tokenizer, self._info = model, tokenizer, info
        self._fit: Fit = fit
        self._batch = batch
        self._device = model.pooler.query.device
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        weights: Path | str | None,
        *,
        tokenizer: Path | str | None = None,
        device: str = "auto",
        dtype: DtypeName = "auto",
        fit: Fit = "crop",
        batch: int = 32,
    ) -> MagicLensEncoder:
        """Load a MagicLens of any size; `weights` determines it.

        `weights`: a converted folder, a published pickle, or a folder with one. `tokenizer`: folder or hub name of
        CLIP's tokenizer; None takes the files next to the weights, else the pinned ones on the hub. `fit`: see
        `preprocessing.py`. The fingerprint covers weights, tokenizer, preprocessing and `fit`, not the dtype:
        embeddings of all dtypes can be compared.

        Raises `ConfigurationError` for a wrong device, dtype or fit, and `EncoderUnavailable` if files are missing or
        do not fit.
        """
        where = resolve_device(device)
        number = resolve_dtype(dtype, where)
        if fit not in get_args(Fit):
            raise ConfigurationError(f"Images cannot be fitted by {fit!r}. Take one of: {', '.join(get_args(Fit))}.")
        file = find_weights(weights)
        words = find_tokenizer(tokenizer, file)
        model, digest = load_model(file, device=where, dtype=number)
        reader = Tokenizer(words, model.sizes.vocabulary, kind=CLIPTokenizer, clean=clean)
        facts = {
            "preprocessing": _PREPROCESSING,
            "fit": fit,
            "weights": digest,
            "tokenizer": reader.fingerprint,
            "sizes": asdict(model.sizes),
        }
        info = EncoderInfo(
            id="magiclens",
            dimension=model.sizes.width,
            fingerprint=hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32],
            modalities=frozenset({"image", "composed"}),
            max_text_tokens=model.sizes.positions,
        )
        return cls(model, reader, info, fit=fit, batch=batch)

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder."""
        return self._info

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode a batch. See `Encoder.encode`. Raises InvalidValue for a text without an image."""
        check_modalities(queries, self._info)
        tokens = self._tokenizer([query.text or "" for query in queries], [self._model.sizes.positions] * len(queries))
        vectors = np.zeros((len(queries), self._info.dimension), np.float32)
        for rows in self._batches(tokens):
            vectors[rows] = self._embed([queries[row] for row in rows], [tokens[row].ids for row in rows])
        return Embeddings(vectors, np.array([token.truncated for token in tokens], np.bool_))

    def _batches(self, tokens: Sequence[Tokens]) -> Iterator[list[int]]:
        """Rows that go together: texts of similar length, so that little is padded."""
        rows = sorted(range(len(tokens)), key=lambda row: len(tokens[row].ids))
        for start in range(0, len(rows), self._batch):
            yield rows[start : start + self._batch]

    @torch.inference_mode()
    def _embed(self, queries: Sequence[Query], rows: Sequence[list[int]]) -> npt.NDArray[np.float32]:
        """One embedding per query; `rows`: the ids of its text."""
        images = [query.image for query in queries if query.image is not None]
        pixels = torch.from_numpy(to_pixels(images, self._fit, self._model.sizes.image_size))
        ids, _ = pad(rows, _PAD_ID)
        with self._lock:
            vectors = self._model.embed(pixels.to(self._device), ids.to(self._device))
            result: npt.NDArray[np.float32] = vectors.cpu().numpy()
            return result
