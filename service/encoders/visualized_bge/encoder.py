"""Visualized BGE behind the `Encoder` protocol."""

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
from PIL import Image

from rerank.query import Query
from service.encoders.device import DtypeName, resolve_device, resolve_dtype
from service.encoders.encoder import Embeddings, EncoderInfo
from service.encoders.options import BackendName, Fit
from service.encoders.tokens import Tokenizer, Tokens, pad
from service.encoders.visualized_bge.checkpoint import load_model
from service.encoders.visualized_bge.config import published, read_text_config, read_vision_config
from service.encoders.visualized_bge.files import find_text_model, find_weights
from service.encoders.visualized_bge.model import VisualizedBge
from service.encoders.visualized_bge.preprocessing import normalize, to_bytes
from service.errors import ConfigurationError

# Texts of m3 may have 8192 tokens: long ones go in smaller batches, so that memory stays that of usual ones.
_TOKENS_A_ROW = 512
_PREPROCESSING = 1  # increment when the conversion of queries to pixels or ids changes


class VisualizedBgeEncoder:
    """Texts, images and both at once → one space. Any mixture in one call; calls may come from several threads.

    Queries with and without an image run in separate batches, sorted by length so that little is padded. One batch
    computes at a time; other threads prepare theirs meanwhile.
    """

    def __init__(
        self,
        model: VisualizedBge,
        tokenizer: Tokenizer,
        info: EncoderInfo,
        *,
        fit: Fit = "crop",
        batch: int = 32,
        query_instruction: str | None = None,
    ) -> None:
        """Take a loaded model; see `load`. `batch`: most queries computed at once."""
        self._query_instruction = query_instruction or ""
        self._model, self._tokenizer, self._info = model, tokenizer, info
        self._fit: Fit = fit
        self._batch = batch
        self._device = model.visual_proj.weight.device
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        name: str,
        weights: Path | str | None = None,
        *,
        text_model: Path | str | None = None,
        revision: str | None = None,
        device: str = "auto",
        dtype: DtypeName = "auto",
        fit: Fit = "crop",
        batch: int = 32,
        query_instruction: str | None = None,
        backend: BackendName = "torch",
    ) -> "VisualizedBgeEncoder":
        """Load `visualized-bge-base-en` or `visualized-bge-m3`.

        `weights`: a converted folder, a folder with BAAI's `.pth`, that file, or None for the hub at `revision`
        (None: the pinned one). `text_model`: folder or hub name of configuration and tokenizer; None takes those
        next to the weights, else the pinned ones on the hub. `fit`: see `preprocessing.py`. The fingerprint covers
        weights, tokenizer, sizes and `fit`, not the dtype: embeddings of all dtypes can be compared, so that a
        catalog indexed on a GPU can be searched on a CPU. `query_instruction` goes before the text of a query that has
        no image, as BGE v1.5 publishes one for searching passages by short queries; Visualized BGE was trained without.
        `backend`: of a float32 model on the CPU; see `compiled.choice.compiled`.

        Raises `ConfigurationError` for a wrong name, device or dtype, and
        `EncoderUnavailable` if files are missing or do not fit.
        """
        model, where = published(name), resolve_device(device)
        number = resolve_dtype(dtype, where)
        if fit not in get_args(Fit):
            raise ConfigurationError(f"Images cannot be fitted by {fit!r}. Take one of: {', '.join(get_args(Fit))}.")
        file = find_weights(weights, model, revision)
        folder = find_text_model(text_model, model, file)
        text, vision = read_text_config(folder), read_vision_config(folder, model)
        tokenizer = Tokenizer(folder, text.vocab_size)
        net, digest = load_model(file, model, text, vision, device=where, dtype=number)
        facts = {
            "preprocessing": _PREPROCESSING,
            "fit": fit,
            "weights": digest,
            "tokenizer": tokenizer.fingerprint,
            "vision": asdict(vision),
            "text": [text.model_type, text.num_attention_heads, text.layer_norm_eps, text.hidden_act],
        }
        info = EncoderInfo(
            id=name,
            dimension=text.hidden_size,
            fingerprint=hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32],
            modalities=frozenset({"text", "image", "composed"}),
            max_text_tokens=net.text_limit,
            instructable=True,
        )
        if where.type == "cpu" and number is torch.float32:
            net.compile_passes(backend)
        return cls(net, tokenizer, info, fit=fit, batch=batch, query_instruction=query_instruction)

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder. `max_text_tokens` holds for text alone; with an image less fits."""
        return self._info

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode a batch. See `Encoder.encode`; token counts include the two special tokens."""
        limits = [self._model.text_limit if query.image is None else self._model.composed_limit for query in queries]
        tokens = self._tokenizer([self._words(query) for query in queries], limits)
        vectors = np.zeros((len(queries), self._info.dimension), np.float32)
        for rows in self._batches(queries, tokens):
            images = [image for row in rows if (image := queries[row].image) is not None]
            vectors[rows] = self._embed([tokens[row].ids for row in rows], images)
        return Embeddings(vectors, np.array([token.truncated for token in tokens], np.bool_))

    def _words(self, query: Query) -> str:
        """The text behind its instruction; a blank text with an image is not a text."""
        if not (query.text and query.text.strip()):
            return ""
        usual = self._query_instruction if query.role == "query" and query.image is None else ""
        return f"{usual if query.instruction is None else query.instruction}{query.text}"

    def _batches(self, queries: Sequence[Query], tokens: Sequence[Tokens]) -> Iterator[list[int]]:
        """Rows that go together: all with an image or all without, of similar length."""
        for with_image in (False, True):
            rows = [row for row, query in enumerate(queries) if (query.image is not None) == with_image]
            rows.sort(key=lambda row: len(tokens[row].ids), reverse=True)
            while rows:
                length = len(tokens[rows[0]].ids)  # the longest of those left
                size = max(1, min(self._batch, self._batch * _TOKENS_A_ROW // length))
                yield rows[:size]
                rows = rows[size:]

    @torch.inference_mode()
    def _embed(self, rows: Sequence[list[int]], images: Sequence[Image.Image]) -> npt.NDArray[np.float32]:
        """One embedding per row; `images` has one per row, or is empty."""
        ids, mask = pad(rows, self._tokenizer.pad_id)
        vision = self._model.vision_config
        images_uint8 = torch.from_numpy(to_bytes(images, self._fit, vision.image_size)) if images else None
        with self._lock:
            ids, mask = ids.to(self._device), None if mask is None else mask.to(self._device)
            if images_uint8 is None:
                vectors = self._model.embed_text(ids, mask)
            else:
                pixels = normalize(images_uint8.to(self._device), vision.image_mean, vision.image_std)
                vectors = self._model.embed_composed(pixels, ids, mask)
            result: npt.NDArray[np.float32] = vectors.cpu().numpy()
            return result
