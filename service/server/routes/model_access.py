"""Shared parts of the compatible routes: reading a body, and running work in a slot while its client waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self, TypeVar

from litestar import MediaType, Request, Response
from litestar.di import NamedDependency
from pydantic_core import from_json

from service.encoders.encoder import EncoderInfo
from service.errors import EmptyQuery, InvalidValue, RerankRequired, WithThisError
from service.search.content_embedding import ENCODE_BATCH, ContentVectors, embed_contents
from service.search.contents import PlacedQuery, check_not_empty
from service.search.document_ranking import DocumentRanking, rank_documents, rank_pairs
from service.search.types import RerankOptions
from service.server.admission import Admission
from service.server.bulkheads import Bulkheads
from service.server.connection import while_connected
from service.server.defaults import RequestDefaults
from service.server.dialects.requests import ClientBody, RootRerankBody
from service.server.observability.metrics import NO_CATALOG, Metrics
from service.server.requests.body import parsed, read_body, require_json
from service.server.requests.json_pointers import NO_ALIASES, repoint
from service.server.requests.validation import parse_body
from service.server.state import ServiceState

T = TypeVar("T")
Body = TypeVar("Body", bound=ClientBody | RootRerankBody)

ANY_MODEL = "withthis"
"""Accepted as the name of whichever model is in use, for clients that have to send one."""

NO_INSTRUCTION = "The encoder takes no instruction. Leave it out, and the system turn if you send messages."
NO_SCORES = "The model gave no scores in time. Try again."


class ModelAccess:
    """One request to the encoder or the reranker; a dependency of its handlers."""

    def __init__(
        self,
        request: Request[Any, Any, Any],
        service: NamedDependency[ServiceState],
        defaults: NamedDependency[RequestDefaults],
        bulkheads: NamedDependency[Bulkheads],
        metrics: NamedDependency[Metrics],
    ) -> None:
        self._request, self._service, self._defaults = request, service, defaults
        self._bulkheads, self._metrics = bulkheads, metrics
        self._max_pixels = defaults.max_request_pixels
        self._raw = b"{}"
        self._aliases: Mapping[str, str] = NO_ALIASES

    @classmethod
    async def opened(
        cls,
        request: Request[Any, Any, Any],
        service: NamedDependency[ServiceState],
        defaults: NamedDependency[RequestDefaults],
        bulkheads: NamedDependency[Bulkheads],
        metrics: NamedDependency[Metrics],
    ) -> AsyncIterator[Self]:
        """The dependency. Errors of its handlers are made to point into the body as it was sent."""
        access = cls(request, service, defaults, bulkheads, metrics)
        try:
            yield access
        except WithThisError as error:  # Litestar raises it again
            repoint(error, partial(from_json, access._raw), access._aliases)

    @property
    def version(self) -> str:
        """Of the route, as Cohere's clients expect it."""
        return "2" if self._request.url.path.startswith("/v2/") else "1"

    @property
    def encoder(self) -> str:
        """The id of the encoder."""
        return self._service.encoder.info.id

    @property
    def engine(self) -> str:
        """The id of the engine."""
        return self._service.rerank.engine

    async def body(self, model: type[Body]) -> Body:
        """The validated body. Raises as `read_json`."""
        require_json(self._request)
        self._raw = await read_body(self._request, self._defaults.max_body_bytes)
        self._aliases = model.dialect.aliases
        return await parsed(len(self._raw), partial(parse_body, model, self._raw, aliases=self._aliases))

    async def rank(
        self, query: PlacedQuery, documents: Sequence[PlacedQuery], options: RerankOptions
    ) -> DocumentRanking:
        """Rank documents. Raises EmptyQuery, and as `rank_documents`."""
        _check_query(query)
        stage, image_loader = self._service.rerank, self._service.image_loader
        work = partial(rank_documents, stage, image_loader, query, documents, options, max_pixels=self._max_pixels)
        found = await self._run(self._bulkheads.documents, work)
        self._metrics.reranked(found.report.fault, found.report.degraded, NO_CATALOG)
        return found

    async def score(self, queries: Sequence[PlacedQuery], documents: Sequence[PlacedQuery]) -> list[DocumentRanking]:
        """One ranking for one query, or one a pair.

        Raises:
            EmptyQuery, InvalidValue: a query is empty, or pairs cannot be scored one by one.
            RerankRequired: the model failed; there is no order to fall back on.
        """
        for query in queries:
            _check_query(query)
        if len(queries) == 1:
            rankings = [await self.rank(queries[0], documents, RerankOptions())]
        else:
            stage, image_loader = self._service.rerank, self._service.image_loader
            pairs = list(zip(queries, documents, strict=True))
            work = partial(rank_pairs, stage, image_loader, pairs, max_pixels=self._max_pixels)
            rankings = await self._run(self._bulkheads.documents, work)
        for found in rankings:
            if found.report.degraded:
                raise RerankRequired(NO_SCORES, fault=found.report.fault, degraded=found.report.degraded)
        return rankings

    async def embed(
        self, contents: Sequence[PlacedQuery], dimensions: int, write: Callable[[ContentVectors], bytes]
    ) -> Response[Any]:
        """The embeddings of inputs, encoded as JSON by `write` in the worker thread, off the event loop.

        Raises InvalidValue for empty inputs, a dimension that the encoder was not trained for, and an instruction that
        it does not take.
        """
        encoder, image_loader = self._service.encoder, self._service.image_loader
        size = _checked_size(dimensions, encoder.info)
        if not encoder.info.instructable and any(content.query.instruction for content in contents):
            raise InvalidValue(errors=[{"pointer": "/instruction", "detail": NO_INSTRUCTION}])
        check_not_empty(contents)

        def embedded() -> bytes:
            return write(embed_contents(encoder, image_loader, contents, max_pixels=self._max_pixels, size=size))

        at_once = min(len(contents), ENCODE_BATCH)
        found = await self._run(self._bulkheads.embeddings, embedded, at_once)
        return Response(found, media_type=MediaType.JSON)

    async def _run(self, room: Admission, work: Callable[[], T], size: int = 1) -> T:
        """Run work that takes so many slots in a thread. Raises Overloaded, ClientGone, and as `work` does."""
        async with while_connected(self._request.receive):
            return await room.run(work, size)


def _checked_size(dimensions: int, info: EncoderInfo) -> int:
    """The dimension asked for, the encoder's own for 0. Raises InvalidValue."""
    if dimensions in (0, info.dimension, *info.matryoshka):
        return dimensions or info.dimension
    fewer = f", or {', '.join(map(str, sorted(info.matryoshka)))} of them" if info.matryoshka else ""
    raise InvalidValue(f"Vectors of this encoder have {info.dimension} dimensions{fewer}. Leave dimensions out.")


def check_model(given: str | None, in_use: str) -> None:
    """Raise InvalidValue for the name of another model."""
    if given not in (None, "", in_use, ANY_MODEL):
        detail = f"The model in use is {in_use}. Name it or {ANY_MODEL}, or leave model out."
        raise InvalidValue(detail, errors=[{"pointer": "/model", "detail": detail}])


def _check_query(query: PlacedQuery) -> None:
    if query.query.is_empty:
        raise EmptyQuery(errors=[{"pointer": query.pointer, "detail": EmptyQuery.default_detail}])
