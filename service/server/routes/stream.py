"""A search in two server-sent events: the retrieval order at once, the reranked one when it is there.

Each event is made in its own kind of slot, and sent without one: a client that reads nothing blocks nobody. One
that disconnects leaves the queue at once, nothing further is started for it, and work in progress is canceled.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import anyio
from litestar.types import Receive, Scope, Send
from pydantic import BaseModel
from pydantic_core import to_json

from service.errors import ClientGone
from service.search.pipeline import BegunSearch
from service.search.types import SearchRequest
from service.server.connection import while_connected
from service.server.problems import problem_of
from service.server.routes.search_halves import SearchHalves
from service.wire.search import SearchOut

EVENT_STREAM = "text/event-stream"
KEEP_ALIVE_S = 15.0
"""Proxies close connections on which nothing comes; a comment, which clients skip, keeps them open."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold the first event back until the second
]


class SearchEvent(BaseModel):
    """One event: `data` is the JSON of a SearchOut, or of a problem document where `event` says so."""

    event: Literal["retrieved", "ranked", "problem"]
    data: str


class SearchStream:
    """The ASGI application that answers one search."""

    def __init__(self, query: SearchRequest, halves: SearchHalves) -> None:
        self._query = query
        self._halves = halves

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises as `SearchPipeline.begin` and Overloaded, before anything was sent."""
        with suppress(ClientGone):  # there is nobody left to answer
            async with while_connected(receive):
                await self._answer(send)

    async def _answer(self, send: Send) -> None:
        begun, first = await self._halves.begin(self._query)
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await _send_event(send, "retrieved", first.out)
        async with anyio.create_task_group() as group:
            group.start_soon(_keep_alive, send)
            event, data = await self._second(begun)
            group.cancel_scope.cancel()
        await _send_event(send, event, data, last=True)

    async def _second(self, begun: BegunSearch) -> tuple[str, SearchOut | dict[str, object]]:
        """The second event and its data. The status is sent, so that any error can only be told in an event."""
        try:
            answer = await self._halves.finish(begun)
        except Exception as error:  # the fault boundary of what comes after the status
            self._halves.failed(error)
            return "problem", problem_of(error, "POST", "/v1/search/stream")
        self._halves.answered(self._query, answer)
        return "ranked", answer.out


async def _keep_alive(send: Send) -> None:
    while True:
        await anyio.sleep(KEEP_ALIVE_S)
        await _send(send, b": at work\n\n")


async def _send_event(send: Send, event: str, data: BaseModel | dict[str, object], *, last: bool = False) -> None:
    """One event; its JSON has no line breaks, so that it fits one `data` line."""
    await _send(send, b"event: %s\ndata: %s\n\n" % (event.encode(), to_json(data)), last=last)


async def _send(send: Send, body: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": not last})
