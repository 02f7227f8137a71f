"""The encoder over a server of embeddings."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from rerank.cancellation import check_cancelled
from rerank.errors import EngineError, EngineOverloaded, RequestRefused
from rerank.model_server.client import ModelServer
from rerank.model_server.data_uri import data_uri
from rerank.model_server.side_by_side import side_by_side
from rerank.query import Query
from service.encoders.encoder import Embeddings, EncoderInfo, Modality, check_not_empty
from service.encoders.options import Instructions
from service.encoders.parts import sum_of_parts
from service.encoders.remote.dialects import Dialect, Input, Wanted
from service.encoders.remote.identity import fingerprint_of
from service.encoders.remote.replies import unit_rows
from service.errors import EmbeddingRefused, EmbeddingServerUnavailable

__all__ = ["RemoteEncoder"]

_Rows = npt.NDArray[np.float32]
_PROBE_TEXT = "a blue mug with a white rose"
_log = logging.getLogger(__name__)


class RemoteEncoder:
    """An `Encoder` behind a server; calls may come from several threads, and each makes its own requests.

    A text with an image is one input where dialect and model fuse them; elsewhere its vector is
    L2norm(w · text + (1 - w) · image) with w = `text_weight` and L2-normalized parts, as for the CLIP family. What the
    server finds too long it truncates by itself and does not say so, so no text is flagged as truncated.

    A batch is sent in requests of at most `batch` inputs, `parallel` at a time; each of them, with its retries, ends
    after `timeout_s`. If the server refuses a request, its halves are tried, so that one bad input fails alone.
    """

    def __init__(
        self,
        server: ModelServer,
        dialect: Dialect,
        wanted: Wanted,
        *,
        name: str,
        instructions: Instructions | None = None,
        text_weight: float = 0.5,
        batch: int = 32,
        parallel: int = 8,
        timeout_s: float = 30.0,
    ) -> None:
        """Ask the server for a few embeddings, which say its dimension, whether it reads images, and which model it is.

        Raises EmbeddingServerUnavailable, or EmbeddingRefused if it does not even embed a text.
        """
        self._server, self._dialect, self._wanted = server, dialect, wanted
        self._instructions = instructions or Instructions()
        self._text_weight, self._batch = text_weight, min(batch, dialect.most)
        self._parallel, self._timeout_s = parallel, timeout_s
        self._dimension, self._fuses = wanted.dimensions, dialect.fuses
        self._info = self._meet(name)

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder, as found at the start."""
        return self._info

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode a batch. See `Encoder.encode`.

        Raises:
            EmptyQuery: one of them has neither a text nor an image.
            EmbeddingRefused: the server does not accept a text or an image.
            EmbeddingServerUnavailable: it cannot be reached, fails, does not answer in time, or answers nonsense.
            Cancelled: the caller has disconnected.
        """
        check_not_empty(queries)
        return self._whole(queries) if self._fuses else sum_of_parts(self._whole, queries, self._text_weight)

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _whole(self, queries: Sequence[Query]) -> Embeddings:
        """Each query as one input."""
        return Embeddings(self._embed([self._input(query) for query in queries]), np.zeros(len(queries), np.bool_))

    def _input(self, query: Query) -> Input:
        usual = self._instructions.query if query.role == "query" else self._instructions.document
        image = data_uri(query.image) if query.image is not None else None
        text = query.text if query.text and query.text.strip() else None
        return Input(text, image, query.role, query.instruction or usual)

    def _embed(self, inputs: Sequence[Input]) -> _Rows:
        """One vector an input, in their order; raises errors of the service."""
        requests = self._requests(inputs)
        try:
            found = side_by_side(lambda rows: self._ask([inputs[row] for row in rows]), requests, self._parallel)
        except EngineError as error:
            check_cancelled()
            raise _unavailable(error) from error
        order = np.argsort([row for rows in requests for row in rows])
        return np.concatenate(found)[order]

    def _requests(self, inputs: Sequence[Input]) -> list[list[int]]:
        """Rows that may share a request, in pieces of at most a batch."""
        groups: dict[object, list[int]] = {}
        for row, one in enumerate(inputs):
            groups.setdefault(self._dialect.together(one), []).append(row)
        size = self._batch
        return [rows[start : start + size] for rows in groups.values() for start in range(0, len(rows), size)]

    def _ask(self, inputs: Sequence[Input]) -> _Rows:
        """One request; if it is refused, its halves. Raises EngineError, EmbeddingRefused."""
        try:
            reply = self._server.post(
                self._dialect.path, self._dialect.body(inputs, self._wanted), time.monotonic() + self._timeout_s
            )
        except RequestRefused as error:
            if len(inputs) == 1:
                raise EmbeddingRefused from error
            half = len(inputs) // 2
            return np.concatenate([self._ask(inputs[:half]), self._ask(inputs[half:])])
        return unit_rows(self._dialect.vectors(reply), len(inputs), self._dimension)

    def _meet(self, name: str) -> EncoderInfo:
        """What the server's answers to fixed inputs say of it."""
        text = Input(_PROBE_TEXT, None, "document", self._instructions.document)
        image = replace(text, text=None, image=data_uri(_probe_image()))
        probes = [self._embed([text])]
        self._dimension = probes[0].shape[1]
        modalities: set[Modality] = {"text"}
        if self._accepts(image, probes):
            modalities |= {"image", "composed"}
            self._fuses = self._fuses and self._accepts(replace(image, text=text.text), probes)
        else:
            _log.warning("the embedding server does not accept images; only texts can be embedded")
        facts = (self._wanted, self._dialect.path, self._fuses, self._instructions.document)
        return EncoderInfo(
            id=name,
            dimension=self._dimension,
            fingerprint=fingerprint_of(facts, np.concatenate(probes)),
            modalities=frozenset(modalities),
            max_text_tokens=None,
            weighs_parts=not self._fuses,
            instructable=self._dialect.instructs,
        )

    def _accepts(self, one: Input, probes: list[_Rows]) -> bool:
        """Whether the server embeds this; its vector joins the others."""
        try:
            probes.append(self._embed([one]))
        except EmbeddingRefused:
            return False
        return True


def _probe_image() -> Image.Image:
    """A blue disc on white, small and without the fine detail that compression changes."""
    across = np.hypot(*(np.mgrid[:96, :96] - 47.5))
    return Image.fromarray(np.where(across[..., None] < 30, (40, 80, 200), (255, 255, 255)).astype(np.uint8))


def _unavailable(error: EngineError) -> EmbeddingServerUnavailable:
    """The error of the service; what `rerank` says is in words of our own."""
    advice = "Try again in a moment" if isinstance(error, EngineOverloaded) else "`withthis doctor` says more"
    return EmbeddingServerUnavailable(f"Nothing can be embedded now: {error}. {advice}.")
