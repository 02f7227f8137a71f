"""How fast the service reads what its clients send, all together."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.flow_control import FlowControl

PACE_BYTES_PER_S = 64 * 2**20
"""Some hundred clients that pour in at the same moment would keep the event loop from all others for seconds; at this
pace reading takes it a fifth of its time. One client alone sends 16 MiB in a quarter of a second.
"""

SLACK_S = 0.02
"""Reading goes on at once while less than this is owed: most requests never wait."""


class Pace:
    """A rate that all connections of a server share; what is not used is not saved up."""

    def __init__(self, per_second: float = PACE_BYTES_PER_S) -> None:
        self._per_second = per_second
        self._free = 0.0

    def spend(self, size: int, now: float) -> float:
        """The seconds to wait after reading `size` bytes at the time `now`."""
        self._free = max(self._free, now) + size / self._per_second
        return self._free - now


class PacedFlow(FlowControl):
    """uvicorn's flow control of a connection, which reads on only when the pace allows it, too."""

    def __init__(self, transport: asyncio.Transport, pace: Pace, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(transport)
        self._pace, self._loop = pace, loop
        self._waiting: asyncio.TimerHandle | None = None
        self._wanted = True

    def spend(self, size: int) -> None:
        """So many bytes were read; wait before the next ones if all clients together are ahead of the pace."""
        wait_s = self._pace.spend(size, self._loop.time())
        if wait_s > SLACK_S and self._waiting is None:
            super().pause_reading()
            self._waiting = self._loop.call_later(wait_s, self._read_on)

    def pause_reading(self) -> None:
        """The application has enough for now."""
        self._wanted = False
        super().pause_reading()

    def resume_reading(self) -> None:
        """The application can take more."""
        self._wanted = True
        if self._waiting is None:
            super().resume_reading()

    def close(self) -> None:
        """The connection has ended."""
        if self._waiting is not None:
            self._waiting.cancel()

    def _read_on(self) -> None:
        self._waiting = None
        if self._wanted:
            super().resume_reading()
