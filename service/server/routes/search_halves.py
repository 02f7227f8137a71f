"""The two halves of a search, each with its own slots, and their encoded answers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import anyio.lowlevel

from service.errors import Overloaded, RerankRequired
from service.images.sources import UploadedImage
from service.search.online.evaluation import OnlineEvaluation
from service.search.pipeline import BegunSearch
from service.search.types import SearchRequest, SearchResponse
from service.server.bulkheads import Bulkheads
from service.server.catalog import Catalog
from service.server.defaults import RequestDefaults
from service.server.mapping.search_request import to_request
from service.server.mapping.search_response import from_response
from service.server.observability.metrics import Metrics
from service.wire.search import SearchBody, SearchOut


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and the same in the shape of the API."""

    found: SearchResponse
    out: SearchOut

    @classmethod
    def of(cls, found: SearchResponse, path: str) -> Answer:
        """Made where the search is worked on: it takes a while for a hundred results."""
        return cls(found, from_response(found, path))


@dataclass(frozen=True, slots=True)
class SearchHalves:
    """One search at a time of one request to a catalog; holds nothing between the halves. A dependency of handlers."""

    parts: Catalog
    defaults: RequestDefaults
    bulkheads: Bulkheads
    metrics: Metrics
    online: OnlineEvaluation

    def to_query(self, body: SearchBody, upload: UploadedImage | None = None) -> SearchRequest:
        """What a validated request asks for. Raises as `to_request`."""
        return self.online.drawn(to_request(body, upload, self.defaults))

    async def begin(self, query: SearchRequest) -> tuple[BegunSearch, Answer]:
        """Retrieve, and answer in retrieval order. Raises Overloaded, and as `SearchPipeline.begin`."""
        return await self.bulkheads.for_retrieval(query).run(partial(self.retrieve, query))

    def retrieve(self, query: SearchRequest) -> tuple[BegunSearch, Answer]:
        """The same in this thread, for whoever has a slot. Raises as `SearchPipeline.begin`."""
        begun = self.parts.ready().pipeline.begin(query)
        return begun, Answer.of(begun.preliminary(), self.parts.path)

    async def whole(self, query: SearchRequest) -> Answer:
        """Both halves, counted and logged. Raises as they do."""
        try:
            begun, answer = await self.begin(query)
            if query.is_reranked:
                answer = await self.finish(begun)
            await anyio.lowlevel.checkpoint_if_cancelled()  # an answer that nobody gets is not counted
        except RerankRequired as error:
            self.failed(error)
            raise
        self.answered(query, answer)
        return answer

    def answered(self, query: SearchRequest, answer: Answer) -> None:
        """Count and log an answer that somebody gets."""
        self.metrics.searched(answer.found, self.parts.name)
        self.online.searched(query, answer.found, self.parts.encoder.info)

    def failed(self, error: Exception) -> None:
        """Count a search without an answer, if the reranker is why."""
        if isinstance(error, RerankRequired):
            self.metrics.reranked(error.fault, error.degraded, self.parts.name)

    async def finish(self, begun: BegunSearch) -> Answer:
        """Rerank. If too many wait already, the retrieval order is kept. Raises as `SearchPipeline.finish`."""
        with suppress(Overloaded):
            async with self.bulkheads.rerank.slot() as slot:
                return await slot.run(lambda: Answer.of(self.parts.pipeline.finish(begun), self.parts.path))
        return Answer.of(self.parts.pipeline.finish_without_room(begun), self.parts.path)
