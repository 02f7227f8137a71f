"""The encoder over any model of the CLIP family."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from PIL import Image

from rerank.query import Query
from service.encoders.clip_family.checkpoint import Checkpoint
from service.encoders.clip_family.image_processing import ImageRecipe
from service.encoders.clip_family.patches import PatchRecipe
from service.encoders.clip_family.texts import TextReader
from service.encoders.clip_family.towers import Towers
from service.encoders.device import DtypeName, resolve_device, resolve_dtype
from service.encoders.encoder import Embeddings, EncoderInfo
from service.encoders.options import BackendName, Fit

Blend = Literal["unit", "raw"]
_Item = TypeVar("_Item")


class ClipEncoder:
    """Adapts the towers of a CLIPModel, or of a model with the same two methods, to the `Encoder` protocol.

    A composed query is L2norm(w · text + (1 - w) · image), where the parts are L2-normalized before (`blend`
    "unit"), or as the towers give them ("raw": BGE-VL was trained so, arXiv 2412.14475). One half is the plain sum.
    """

    def __init__(
        self,
        towers: Towers,
        texts: TextReader,
        recipe: ImageRecipe | PatchRecipe,
        *,
        id: str,
        dimension: int,
        fingerprint: str,
        blend: Blend = "unit",
        text_weight: float = 0.5,
        batch: int = 32,
    ) -> None:
        """Take the passes of a loaded model; `batch` is how many texts or images go through a tower at once."""
        if not 0 <= text_weight <= 1:
            raise ValueError("text_weight must be between 0 and 1")
        self._towers = towers
        self._texts = texts
        self._recipe = recipe
        self._blend = blend
        self._text_weight = text_weight
        self._batch = batch
        self._lock = threading.Lock()
        self._info = EncoderInfo(
            id=id,
            dimension=dimension,
            fingerprint=fingerprint,
            modalities=frozenset({"text", "image", "composed"}),
            max_text_tokens=texts.limit,
            weighs_parts=True,
        )

    @classmethod
    def load(
        cls,
        source: Path | str,
        *,
        id: str = "clip",
        revision: str | None = None,
        device: str = "auto",
        dtype: DtypeName = "auto",
        fit: Fit = "crop",
        blend: Blend = "unit",
        text_weight: float = 0.5,
        batch: int = 32,
        backend: BackendName = "torch",
    ) -> ClipEncoder:
        """Load a folder, or a checkpoint of the hub by its name at a `revision`.

        The fingerprint covers weights, tokenizer and preprocessing; not the device and the dtype (their embeddings can
        be compared), nor `text_weight`, which affects queries and not products. `backend`: of a float32 model on the
        CPU; see `compiled.choice.compiled`. Raises `EncoderUnavailable` or `ConfigurationError`; exceptions of
        transformers for damaged files are passed on.
        """
        place = resolve_device(device)
        checkpoint = Checkpoint.open(source, revision)
        config = checkpoint.config()
        recipe = _recipe(checkpoint, fit)
        if not recipe.fits(config.vision_config):
            raise ValueError("preprocessor_config.json produces images of another size than the model takes")
        texts = TextReader.load(
            checkpoint.folder,
            checkpoint.model_type,
            config.text_config.max_position_embeddings,
            getattr(config, "text_cleaning", "none"),
        )
        words = [str(texts.limit), *([] if texts.cleaning == "none" else [texts.cleaning])]
        fingerprint = checkpoint.fingerprint(recipe.mark, *words, blend)
        return cls(
            Towers.of(checkpoint.model(place, resolve_dtype(dtype, place)), recipe.names, texts.names, backend),
            texts,
            recipe,
            id=id,
            dimension=_dimension(config),
            fingerprint=fingerprint,
            blend=blend,
            text_weight=text_weight,
            batch=batch,
        )

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder."""
        return self._info

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode a batch. See `Encoder.encode`. Each tower sees its items in batches, sorted by length.

        One thread at a time uses the model, which uses the whole device anyway, and the tokenizer, which is not
        thread-safe; others prepare their images in the meantime.
        """
        n = len(queries)
        texts = {row: query.text for row, query in enumerate(queries) if query.text and query.text.strip()}
        images = {row: query.image for row, query in enumerate(queries) if query.image is not None}
        shares = self._text_shares(queries, texts.keys() & images.keys())
        vectors, truncated = torch.zeros(n, self._info.dimension), np.zeros(n, np.bool_)
        with torch.inference_mode():
            for rows, some_texts in _chunks(texts, self._batch, len):
                features, cut = self._text_features(some_texts)
                vectors[rows] += features * torch.tensor([[shares.get(row, 1.0)] for row in rows])
                truncated[rows] = cut
            for rows, some_images in _chunks(images, self._batch):
                features = self._image_features(some_images)
                vectors[rows] += features * torch.tensor([[1 - shares.get(row, 0.0)] for row in rows])
        return Embeddings(_unit(vectors).numpy(), truncated)

    def _text_features(self, texts: Sequence[str]) -> tuple[torch.Tensor, list[bool]]:
        with self._lock:
            tokens = self._texts.read(texts)
            inputs = [tensor.to(self._towers.device) for tensor in tokens.inputs]
            return self._finish(self._towers.texts(*inputs)), tokens.truncated

    def _image_features(self, images: Sequence[Image.Image]) -> torch.Tensor:
        prepared = self._recipe.inputs(images)
        pixels, *shapes = (torch.from_numpy(prepared[name]) for name in self._recipe.names)
        pixels = pixels.to(self._towers.dtype)
        with self._lock:
            inputs = [values.to(self._towers.device) for values in (pixels, *shapes)]
            return self._finish(self._towers.images(*inputs))

    def _finish(self, features: torch.Tensor) -> torch.Tensor:
        """Features in float32 on the CPU, normalized where the blend asks for it."""
        features = features.float().cpu()
        return _unit(features) if self._blend == "unit" else features

    def _text_shares(self, queries: Sequence[Query], composed: Iterable[int]) -> dict[int, float]:
        """How much the text counts in each composed query."""
        given = {row: queries[row].text_share for row in composed}
        return {row: self._text_weight if share is None else share for row, share in given.items()}


def _recipe(checkpoint: Checkpoint, fit: Fit) -> ImageRecipe | PatchRecipe:
    if checkpoint.model_type == "siglip2":
        return PatchRecipe.read(checkpoint.preprocessor)
    return ImageRecipe.read(checkpoint.preprocessor, checkpoint.model_type, fit)


def _chunks(
    items: dict[int, _Item], size: int, key: Callable[[_Item], int] | None = None
) -> Iterable[tuple[list[int], list[_Item]]]:
    """Rows and items in pieces of at most `size`; sorted by `key`, so that little padding is needed."""
    rows = sorted(items, key=lambda row: key(items[row])) if key else list(items)
    for start in range(0, len(rows), size):
        piece = rows[start : start + size]
        yield piece, [items[row] for row in piece]


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(vectors, dim=-1)


def _dimension(config: Any) -> int:
    """Length of the vectors. SigLIP has no projection of images: its towers meet in their own width."""
    return int(getattr(config, "projection_dim", None) or config.vision_config.hidden_size)
