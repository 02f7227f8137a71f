"""The two halves of a search, each with its own slots, and their encoded answers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from service.errors import Overloaded
from service.search.pipeline import BegunSearch
from service.search.types import SearchRequest, SearchResponse
from service.server.bulkheads import Bulkheads
from service.server.catalog import Catalog
from service.server.mapping.search_response import from_response
from service.wire.search import SearchOut


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
    """One search at a time of one request; holds nothing between the halves."""

    parts: Catalog
    bulkheads: Bulkheads

    async def begin(self, query: SearchRequest) -> tuple[BegunSearch, Answer]:
        """Retrieve, and answer in retrieval order. Raises Overloaded, and as `SearchPipeline.begin`."""

        def work() -> tuple[BegunSearch, Answer]:
            begun = self.parts.ready().pipeline.begin(query)
            return begun, Answer.of(begun.preliminary(), self.parts.path)

        return await self.bulkheads.for_retrieval(query).run(work)

    async def finish(self, begun: BegunSearch) -> Answer:
        """Rerank. If too many wait already, the retrieval order is kept. Raises as `SearchPipeline.finish`."""
        with suppress(Overloaded):
            async with self.bulkheads.rerank.slot() as slot:
                return await slot.run(lambda: Answer.of(self.parts.pipeline.finish(begun), self.parts.path))
        return Answer.of(self.parts.pipeline.finish_without_room(begun), self.parts.path)
