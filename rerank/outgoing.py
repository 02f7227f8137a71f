"""Outgoing calls that end at their deadline, whatever the other side does; used by all our clients.

A blocking client applies its timeouts from packet to packet: a server that drips its headers, or says 100 Continue
again and again, holds the thread for hours, and a watchdog that shuts the socket down from outside does nothing where
TLS has taken the socket over. Here a call is a coroutine on one event loop for the whole process, and is canceled at
whatever it awaits: name lookup, connection, TLS, sending, headers, body. Use it with asynchronous clients such as
`httpx.AsyncClient`, which clean up after a canceled call; a client belongs to this loop from its first call on.
httpx needs `handshake_guard` for that.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from rerank.cancellation import check_cancelled, result_of

__all__ = ["call_until", "handshake_guard"]

T = TypeVar("T")


def call_until(deadline: float, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `call()` on the loop of outgoing calls and wait for it; `deadline` is a value of `time.monotonic()`.

    Must not be called from that loop itself.

    Raises:
        TimeoutError: the deadline passed first; nothing is begun after it.
        Cancelled: the caller has gone (`rerank.cancellation`).
        Whatever the call raises.
    """
    check_cancelled()
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError

    async def bounded() -> T:
        async with asyncio.timeout(left):
            return await call()

    return result_of(asyncio.run_coroutine_threadsafe(bounded(), _LOOP.get()))


def handshake_guard() -> dict[str, Any]:
    """Extensions for one request of httpx: close the connection where its TLS handshake is cut.

    httpcore 1.0 closes it after errors and not after a cancellation, and the socket would stay open as long as the
    other side likes. `trace` is httpcore's documented way to see connections as they are made.
    """
    opened: list[Any] = []

    async def trace(event: str, info: dict[str, Any]) -> None:
        if event.endswith("connect_tcp.complete"):
            opened.append(info["return_value"])
        elif event.endswith("start_tls.failed"):
            await opened.pop().aclose()

    return {"trace": trace}


class _Loop:
    """An event loop in its own thread, started with the first call; it ends with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="outgoing", daemon=True).start()
            return self._loop


_LOOP = _Loop()
