"""`POST /v1/search/batch`: several searches in one request.

A batch takes one slot of its own bulkhead, whatever it holds, so that batches wait for batches and never before single
searches. Within it a few searches are retrieved at the same time, in threads that only batches use, so that they share
the encoder's batches; and they are reranked one after the other, so that a batch takes one of the places before the
model, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
from litestar import Controller, Request, post
from litestar.di import NamedDependency

from rerank.cancellation import Cancelled
from service.errors import RateLimited
from service.search.types import SearchRequest
from service.server.access.auth import SEARCH, charge
from service.server.admission import Slot
from service.server.bulkheads import BATCH_WIDTH
from service.server.connection import while_connected
from service.server.openapi import of_catalog, takes
from service.server.problems import problem_of
from service.server.requests.batch_input import GivenSearch, read_batch
from service.server.requests.parameters import known_parameters_only
from service.server.routes.search_halves import Answer, SearchHalves
from service.wire.search_batch import SearchBatchBody, SearchBatchOut, SearchOutcomeOut

_ERRORS = (
    (400, "the request is not a list of searches; a search that is not valid has its own outcome"),
    (408, "the body arrived too slowly"),
    (413, "the body is too large"),
    (415, "not JSON"),
    (429, "too many batches at once; see Retry-After"),
)


@dataclass(frozen=True, slots=True)
class SearchBatch:
    """The searches of one request, in one slot."""

    halves: SearchHalves
    _retrieving: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(BATCH_WIDTH))
    _reranking: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(1))

    async def answer(self, searches: Sequence[GivenSearch]) -> list[SearchOutcomeOut]:
        """An outcome for each, in their order. Raises Overloaded if too many batches wait already."""
        outcomes: dict[int, SearchOutcomeOut] = {}

        async def one(place: int, search: GivenSearch) -> None:
            with suppress(Cancelled):  # there is nobody left to answer
                outcomes[place] = await self._outcome(slot, search)

        async with self.halves.bulkheads.batch.slot() as slot, anyio.create_task_group() as group:
            for place, search in enumerate(searches):
                group.start_soon(one, place, search)
        return [outcomes[place] for place in sorted(outcomes)]

    async def _outcome(self, slot: Slot, search: GivenSearch) -> SearchOutcomeOut:
        """The fault boundary of one search: what goes wrong with it is its outcome, and no other's."""
        try:
            if not isinstance(search, SearchRequest):
                raise search
            answer = await self._answer(slot, search)
        except Cancelled:
            raise
        except Exception as error:
            self.halves.failed(error)
            problem = problem_of(error, "POST", "/v1/search/batch")
            return SearchOutcomeOut(status=int(str(problem["status"])), error=problem)
        self.halves.answered(search, answer)
        return SearchOutcomeOut(status=200, answer=answer.out)

    async def _answer(self, slot: Slot, search: SearchRequest) -> Answer:
        async with self._retrieving:
            begun, answer = await slot.run(partial(self.halves.retrieve, search))
        if not search.is_reranked:
            return answer
        async with self._reranking:
            return await self.halves.finish(begun)


def charged(request: Request[Any, Any, Any], given: Sequence[GivenSearch]) -> list[GivenSearch]:
    """The searches, of which those beyond the caller's rate limit are refused; the request itself counted for one."""

    def one(search: GivenSearch) -> GivenSearch:
        try:
            charge(request)
        except RateLimited as error:
            return error
        return search

    return [*given[:1], *map(one, given[1:])]


class SearchBatchController(Controller):
    """Several searches at once."""

    path = "/search/batch"
    tags = ("search",)
    opt = SEARCH
    guards = (known_parameters_only,)

    @post(
        status_code=200,
        operation_class=takes({"application/json": SearchBatchBody}),
        summary="Answer several searches",
        responses=of_catalog(*_ERRORS),
    )
    async def search_batch(
        self,
        request: Request[Any, Any, Any],
        *,
        halves: NamedDependency[SearchHalves],
    ) -> SearchBatchOut:
        """Each search has the outcome that it would have by itself, an answer or a problem, in the order sent.

        Each counts as a request where requests are limited: those beyond the limit have a 429 as their outcome.
        """
        given, drawn = await read_batch(request, halves.defaults), halves.online.drawn
        searches = [drawn(one) if isinstance(one, SearchRequest) else one for one in charged(request, given)]
        async with while_connected(request.receive):
            outcomes = await SearchBatch(halves).answer(searches)
        return SearchBatchOut(outcomes=outcomes)
