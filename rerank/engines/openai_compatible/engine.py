"""The engine: requests of a strategy to chat completions of a server."""

import logging
import threading
from collections.abc import Mapping, Sequence

from rerank.answer import ANSWER_PREFIX
from rerank.engines.engine import EngineInfo, EngineRequest, Generation
from rerank.engines.openai_compatible.client import ChatClient
from rerank.engines.openai_compatible.constraint import Dialect, label_fields, ranking_fields
from rerank.engines.openai_compatible.payload import chat_body, first_label_body
from rerank.engines.openai_compatible.reply import read_generation, read_scores
from rerank.errors import EngineError, RequestRefused
from rerank.layout import PROMPTS, Layout
from rerank.model_server.data_uri import data_uri
from rerank.model_server.side_by_side import side_by_side

__all__ = ["OpenAICompatibleEngine"]

Body = dict[str, object]

_log = logging.getLogger(__name__)


class OpenAICompatibleEngine:
    """A model behind a server; threads may share it.

    Its abilities are declared, not detected: `layout` and `max_candidates` by whoever knows the model, scores by
    `dialect` (only vLLM's can start an answer and name the most likely tokens). `constrained` stays False even if a
    grammar is sent, because a server may refuse or ignore it: the parser then reads every answer with full suspicion,
    which costs a constrained one nothing.

    If a server refuses the fields of a constraint, the request is repeated without them; if it answers then, the fields
    are left out until the process ends. `extra` is merged into every body (None removes a field), for additional fields
    of a server. ValueError for a number of candidates outside 1…26.
    """

    def __init__(
        self,
        client: ChatClient,
        *,
        model: str,
        dialect: Dialect = "vllm",
        layout: Layout = "panel",
        max_candidates: int = 9,
        parallel: int = 8,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        self._client = client
        self._model = model
        self._dialect = dialect
        self._parallel = parallel
        self._extra = dict(extra or {})
        self._refused: set[str] = set()
        self._lock = threading.Lock()
        self._info = EngineInfo(
            id=f"openai-compatible/{model}",
            layout=layout,
            max_candidates=max_candidates,
            label_scores=False,
            constrained=False,
            prompts=PROMPTS[layout],
            can_score=dialect == "vllm",
        )

    @property
    def info(self) -> EngineInfo:
        """The declared properties."""
        return self._info

    def generate(self, request: EngineRequest) -> Generation:
        """Send a request; with labels, under the constraint of the dialect. Raises as the client does."""
        body = chat_body(self._model, request, [data_uri(image) for image in request.images])
        ranked = bool(request.labels) and request.answer_prefix == ANSWER_PREFIX
        fields = ranking_fields(self._dialect, request.labels) if ranked else {}
        reply = self._ask("ranking", body, fields, request.deadline)
        return read_generation(reply, request.labels)

    def score(self, requests: Sequence[EngineRequest]) -> list[tuple[float, ...]]:
        """One token per request, several requests at once so that the server can batch them; see `read_scores`."""
        if not self._info.can_score:
            raise EngineError(f"label scores are not available in the dialect {self._dialect}")
        images = {id(image): image for request in requests for image in request.images}
        uris = {key: data_uri(image) for key, image in images.items()}  # a query image is in many requests

        def one(request: EngineRequest) -> tuple[float, ...]:
            body = first_label_body(self._model, request, [uris[id(image)] for image in request.images])
            fields = label_fields(request.labels, inside=bool(request.answer_prefix))
            return read_scores(self._ask("label", body, fields, request.deadline), request.labels)

        return side_by_side(one, requests, self._parallel)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, constraint: str, body: Body, fields: Mapping[str, object], deadline: float | None) -> object:
        """Send a request with a constraint, or without it if the server does not accept it."""
        if not fields or constraint in self._refused:
            return self._complete(body, deadline)
        try:
            return self._complete(body | dict(fields), deadline)
        except RequestRefused:
            reply = self._complete(body, deadline)  # also raises if something else was wrong with the request
        self._remember(constraint)
        return reply

    def _complete(self, body: Body, deadline: float | None) -> object:
        laid_over = body | self._extra
        return self._client.complete({key: value for key, value in laid_over.items() if value is not None}, deadline)

    def _remember(self, constraint: str) -> None:
        with self._lock:
            known = constraint in self._refused
            self._refused.add(constraint)
        if not known:
            _log.warning(
                "the model server refuses the %s constraint of dialect %s; continuing without it",
                constraint,
                self._dialect,
            )
