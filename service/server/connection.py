"""Detects when a client disconnects, so that its work ends and does not keep others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from litestar.types import Receive

from rerank.cancellation import Cancellation, Cancelled, current_cancellation
from service.errors import ClientGone


@asynccontextmanager
async def while_connected(receive: Receive) -> AsyncIterator[None]:
    """Cancel the block when the client closes its connection. The body of the request must have been read
    from `receive` before.

    A call that waits gives up its place at once. One that is at work in a thread cannot be stopped from outside: it is
    told through `rerank.cancellation`, which it looks at between its steps, and keeps its slot until it ends.

    Raises:
        ClientGone: the block was canceled.
    """
    cancellation = Cancellation()
    token = current_cancellation.set(cancellation)
    try:
        with anyio.CancelScope() as scope:
            watch = asyncio.create_task(_cancel_when_gone(receive, cancellation, scope))
            try:
                yield
            finally:
                watch.cancel()
    except Cancelled as gone:
        raise ClientGone from gone
    finally:
        current_cancellation.reset(token)
    if cancellation.is_set:
        raise ClientGone


async def _cancel_when_gone(receive: Receive, cancellation: Cancellation, scope: anyio.CancelScope) -> None:
    # After the body there is one message left, the end of the connection; servers may repeat the body's end before it.
    while (await receive())["type"] != "http.disconnect":
        pass
    cancellation.cancel()
    scope.cancel()
