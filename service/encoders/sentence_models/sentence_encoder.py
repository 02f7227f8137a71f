"""Any multimodal SentenceTransformer behind the `Encoder` protocol, with its own prompts, pooling and dimensions."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rerank.engines.processors import without_torchvision
from rerank.query import Query
from service.encoders.device import DtypeName, resolve_device, resolve_dtype
from service.encoders.encoder import Embeddings, EncoderInfo, Modality, check_not_empty
from service.encoders.options import Instructions
from service.encoders.parts import sum_of_parts
from service.encoders.sentence_models.sentence_files import find_checkpoint, fingerprint
from service.errors import ConfigurationError, EncoderUnavailable, InvalidValue

__all__ = ["SentenceEncoder"]

_NO_LIMIT = 10**9
"""transformers says 10^30 where a tokenizer has no limit."""

NO_IMAGES = "The configured encoder reads no images. Send a text alone, or use an encoder that reads both."


class SentenceEncoder:
    """A loaded `SentenceTransformer`; threads take turns.

    A query is encoded as `encode_query` does it, a product as `encode_document`: with the prompts of the checkpoint, or
    with an instruction in place of the prompt. A text with an image is one input, the image first; where the model
    cannot read both at once, their vectors are summed up as for the CLIP family. Texts are data: the spellings of
    special tokens in them are taken out, and an address in a text is a text and is not opened.
    """

    def __init__(
        self,
        model: Any,
        *,
        id: str,
        fingerprint: str,
        dimensions: int | None = None,
        matryoshka: Sequence[int] = (),
        prompts_images: bool = True,
        instructions: Instructions | None = None,
        text_weight: float = 0.5,
        batch: int = 32,
    ) -> None:
        """Take a loaded model.

        `prompts_images`: inputs with an image get the prompts of the checkpoint, too. `dimensions`: the first so many,
        normalized again, for models that were trained for it, None: all; `matryoshka`: those it was trained for, empty:
        not known. ConfigurationError if the model has no such dimension, EncoderUnavailable if it reads no texts.
        """
        whole = int(model.get_embedding_dimension())
        if dimensions is not None and not (dimensions in matryoshka or (not matryoshka and dimensions <= whole)):
            known = ", ".join(map(str, sorted({*matryoshka, whole})))
            raise ConfigurationError(f"WITHTHIS_ENCODER_DIMENSIONS must be one that the model has: {known}.")
        self._model, self._batch, self._text_weight = model, batch, text_weight
        self._prompts_images = prompts_images
        self._instructions = instructions or Instructions()
        self._fuses = bool(model.supports(("image", "text")))
        self._dimensions = dimensions
        self._lock = threading.Lock()
        self._special = _special_tokens(model)
        limit = model.max_seq_length
        self._limit = limit if limit is not None and limit < _NO_LIMIT else None
        self._info = EncoderInfo(
            id=id,
            dimension=dimensions or whole,
            fingerprint=fingerprint,
            modalities=_modalities(model),
            max_text_tokens=self._limit,
            weighs_parts=not self._fuses,
            instructable=True,
            matryoshka=tuple(size for size in matryoshka if size < (dimensions or whole)),
        )

    @classmethod
    def load(
        cls,
        source: Path | str,
        *,
        id: str = "sentence-transformers",
        revision: str | None = None,
        device: str = "auto",
        dtype: DtypeName = "auto",
        dimensions: int | None = None,
        matryoshka: Sequence[int] = (),
        prompts_images: bool = True,
        instructions: Instructions | None = None,
        text_weight: float = 0.5,
        batch: int = 32,
    ) -> SentenceEncoder:
        """Load a folder, or a checkpoint of the hub by its name at a `revision`.

        The fingerprint covers all files, `dimensions` and the instruction for products; not the device and the dtype.
        Raises EncoderUnavailable or ConfigurationError; exceptions of transformers for damaged files are passed on.
        """
        try:
            from sentence_transformers import SentenceTransformer  # noqa: PLC0415 (an extra)
        except ImportError as error:
            raise EncoderUnavailable(
                "This encoder needs the extra `sentence-transformers`. Install it with: "
                "pip install 'withthis[sentence-transformers]'."
            ) from error
        place, said = resolve_device(device), instructions or Instructions()
        folder = find_checkpoint(source, revision)
        files = {"dtype": resolve_dtype(dtype, place), "use_safetensors": True}
        with without_torchvision():
            model = SentenceTransformer(
                str(folder), device=str(place), trust_remote_code=False, local_files_only=True, model_kwargs=files
            )
        return cls(
            model.eval(),
            id=id,
            fingerprint=fingerprint(folder, str(dimensions), said.document or "", str(prompts_images)),
            dimensions=dimensions,
            matryoshka=matryoshka,
            prompts_images=prompts_images,
            instructions=said,
            text_weight=text_weight,
            batch=batch,
        )

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder."""
        return self._info

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode a batch. See `Encoder.encode`. Raises InvalidValue for an image that the model does not read."""
        check_not_empty(queries)
        if "image" not in self._info.modalities and any(query.image is not None for query in queries):
            raise InvalidValue(NO_IMAGES)
        return self._whole(queries) if self._fuses else sum_of_parts(self._whole, queries, self._text_weight)

    def _whole(self, queries: Sequence[Query]) -> Embeddings:
        """Each query as one input; those of one kind, role and instruction together."""
        groups: dict[tuple[object, ...], list[int]] = {}
        for row, query in enumerate(queries):
            kind = (query.role, self._instruction(query), query.image is None, _text(query) is None)
            groups.setdefault(kind, []).append(row)
        vectors = np.zeros((len(queries), self._info.dimension), np.float32)
        truncated = np.zeros(len(queries), np.bool_)
        for rows in groups.values():
            some = [queries[row] for row in rows]
            with self._lock:
                vectors[rows] = self._vectors(some)
                truncated[rows] = self._truncated(some)
        return Embeddings(vectors, truncated)

    def _vectors(self, queries: Sequence[Query]) -> npt.NDArray[np.float32]:
        """Vectors of queries of one kind."""
        encode = self._model.encode_query if queries[0].role == "query" else self._model.encode_document
        found: npt.NDArray[np.float32] = encode(
            [self._input(query) for query in queries],
            prompt=self._instruction(queries[0]),
            batch_size=self._batch,
            show_progress_bar=False,
            normalize_embeddings=True,
            truncate_dim=self._dimensions,
        )
        return found.astype(np.float32, copy=False)

    def _truncated(self, queries: Sequence[Query]) -> list[bool]:
        """Whether each text, behind its prompt, is longer than the model reads."""
        limit, tokenizer = self._limit, self._model.tokenizer
        if limit is None or tokenizer is None or _text(queries[0]) is None:
            return [False] * len(queries)
        prompt = self._instruction(queries[0])
        prompt = self._model.prompts.get(queries[0].role, "") if prompt is None else prompt
        ids = tokenizer([f"{prompt}{self._words(query)}" for query in queries], verbose=False)["input_ids"]
        return [len(one) > limit for one in ids]

    def _input(self, query: Query) -> dict[str, Any]:
        """A query as sentence-transformers takes it. A bare text would be opened if it is the address of an image."""
        image = {} if query.image is None else {"image": query.image.convert("RGB")}
        return image | ({} if _text(query) is None else {"text": self._words(query)})

    def _instruction(self, query: Query) -> str | None:
        """In place of the checkpoint's prompt; empty: without any."""
        if query.image is not None and not self._prompts_images:
            return query.instruction or ""
        usual = self._instructions.query if query.role == "query" else self._instructions.document
        return query.instruction or usual

    def _words(self, query: Query) -> str:
        """The text without the spellings of special tokens, and without halves of surrogate pairs."""
        text = (_text(query) or "").encode("utf-8", "replace").decode("utf-8")
        return self._special.sub(" ", text) if self._special else text


def _text(query: Query) -> str | None:
    """A blank text is none."""
    return query.text if query.text and query.text.strip() else None


def _modalities(model: Any) -> frozenset[Modality]:
    if not model.supports("text"):
        raise EncoderUnavailable("This model reads no texts, so it cannot be searched with. Choose another one.")
    return frozenset({"text", "image", "composed"} if model.supports("image") else {"text"})


def _special_tokens(model: Any) -> re.Pattern[str] | None:
    """Matches what stands for an image, a turn or an end in the model's own input."""
    added = getattr(model.tokenizer, "added_tokens_decoder", {})
    spellings = sorted({token.content for token in added.values() if token.special}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, spellings))) if spellings else None
