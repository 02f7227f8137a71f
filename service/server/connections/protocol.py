"""HTTP/1.1 by uvicorn and h11, with bounds on what a connection may cost before the application sees a request.

h11 bounds the size of a request's head; the time is bounded here, as well as what comes after an answer, and how slowly
an answer may be taken. Bodies are bounded by `service.server.requests.body_guard`, which can tell a slow client from a
busy service.

httptools, uvicorn's other parser, knows no bound at all. It is faster, 11,500 small requests a second against 4,700 on
one core, which is a tenth of a millisecond each. Granian made 5,200 and Hypercorn 2,500; neither bounds how slowly a
body comes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from service.errors import HeaderTimeout, WithThisError
from service.server.connections.crowd import SPARE, Crowded, CrowdLog
from service.server.connections.early_answers import raw_answer
from service.server.connections.http_parser import BoundedConnection
from service.server.connections.pace import Pace, PacedFlow

LINGER_S = 5.0
"""How long the rest of a request that was answered early is read: to close at once would lose the answer in transit."""

CROWDED_S = 2.0
"""Time for a head on a connection beyond the limit."""

DEFAULT_HEAD_BYTES = 32 * 1024

_crowd_log = CrowdLog()


@dataclass(frozen=True, slots=True)
class ConnectionBounds:
    """`header_timeout_s`: from the connection, or the answer before, to the end of a head; `write_timeout_s`: how long
    a client may take nothing of an answer; `max_connections`: beyond them there is 503.
    """

    header_timeout_s: float
    write_timeout_s: float
    max_connections: int
    linger_s: float = LINGER_S
    pace: Pace = field(default_factory=Pace)

    @property
    def tick_s(self) -> float:
        """How often a connection is looked at."""
        return min(1.0, self.header_timeout_s / 4, self.write_timeout_s / 4, self.linger_s / 4)


class _Phase(StrEnum):
    HEAD = "the next request's head is awaited"
    REQUEST = "the application is at work"
    REST = "the answer is sent, and the rest of its request still comes"


class BoundedProtocol(H11Protocol):
    """One connection."""

    def __init__(
        self,
        bounds: ConnectionBounds,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn: BoundedConnection = BoundedConnection(config.h11_max_incomplete_event_size or DEFAULT_HEAD_BYTES)
        self._bounds = bounds
        self._head_s = bounds.header_timeout_s
        self._tick: asyncio.TimerHandle | None = None
        self._seen: tuple[_Phase, object] = (_Phase.HEAD, None)
        self._since = self._taken = self.loop.time()
        self._unsent = 0
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or refuse it."""
        super().connection_made(transport)
        self.flow: PacedFlow = PacedFlow(transport, self._bounds.pace, self.loop)
        beyond = len(self.connections) - self._bounds.max_connections
        if beyond > 0:
            _crowd_log.turned_away(self._bounds.max_connections)
            self.app = Crowded(self.app)
            self._head_s = min(self._head_s, CROWDED_S)
        if beyond > SPARE:
            transport.abort()
            return
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._tick is not None:
            self._tick.cancel()
        self.flow.close()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive bytes, except those after a refused request."""
        if not self._refused:
            super().data_received(data)
            self.flow.spend(len(data))

    def resume_writing(self) -> None:
        """The client has taken most of what was sent."""
        self._taken = self.loop.time()
        super().resume_writing()

    def shutdown(self) -> None:
        """The server ends: a connection that was refused is in no state from which h11 could end it in order."""
        if self._refused:
            self.transport.abort()
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is not HTTP, or exceeds the bounds."""
        self._refuse(self.conn.refusal)

    def _unsupported_upgrade_warning(self) -> None:
        """Other protocols are skipped (RFC 9110, section 7.8); uvicorn would write advice to install one."""

    def _look(self) -> None:
        """Close the connection if its client is too slow, otherwise check again later."""
        now, phase = self.loop.time(), self._phase()
        if self._seen != (phase, self.cycle):
            self._seen, self._since = (phase, self.cycle), now
        self._watch_sending(now)
        if now - self._taken >= self._bounds.write_timeout_s:
            self.transport.abort()
            return
        if phase is _Phase.HEAD and now - self._since >= self._head_s and not self.transport.is_closing():
            self._end_waiting()
        elif phase is _Phase.REST and now - self._since >= self._bounds.linger_s:
            self.transport.abort()
            return
        self._tick = self.loop.call_later(self._bounds.tick_s, self._look)

    def _phase(self) -> _Phase:
        if self._refused:
            return _Phase.REST
        if self._is_at_work:
            return _Phase.REQUEST
        return _Phase.HEAD if self.conn.their_state is h11.IDLE else _Phase.REST

    @property
    def _is_at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch_sending(self, now: float) -> None:
        """Note when the client last took something of what is to be sent."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent < self._unsent:
            self._taken = now
        self._unsent = unsent

    def _end_waiting(self) -> None:
        read, _ = self.conn.trailing_data
        if read:
            self._refuse(HeaderTimeout())
        else:
            self.transport.close()

    def _refuse(self, error: WithThisError) -> None:
        """Answer without the application and read nothing more; the connection stays until the answer must be there."""
        self._refused = True
        self.flow.pause_reading()
        if self._is_at_work:
            self.cycle.disconnected = True  # the application is notified that its client has disconnected
            self.cycle.message_event.set()
            if self.cycle.response_started:  # two answers cannot be sent
                self.transport.close()
                return
        self.transport.write(raw_answer(error))
        self.transport.write_eof()
