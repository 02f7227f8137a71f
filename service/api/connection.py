"""Notices when a client goes away, so that work that nobody waits for any more keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from litestar.types import Receive

from service.errors import ClientGone


@asynccontextmanager
async def while_connected(receive: Receive) -> AsyncIterator[None]:
    """Cancel the block when the client closes its connection. The body of the request must have been read
    from `receive` before.

    A search that waits gives up its place at once. One that is at work in a thread cannot be stopped: it keeps its slot
    until that work ends.

    Raises:
        ClientGone: the block was cancelled.
    """
    with anyio.CancelScope() as scope:
        watch = asyncio.create_task(_cancel_when_gone(receive, scope))
        try:
            yield
        finally:
            watch.cancel()
    if scope.cancelled_caught:
        raise ClientGone


async def _cancel_when_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    # After the body there is one message left, the end of the connection; servers may repeat the body's end before it.
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
