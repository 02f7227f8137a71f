"""Gauges of the running components: bulkheads, the encoder, the caches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

from service.encoders.batching import BatchingEncoder
from service.server.bulkheads import Bulkheads
from service.server.observability.metrics import Metrics
from service.server.state import ServiceState


class Gauge(NamedTuple):
    """A number that is read whenever the metrics are."""

    name: str
    label: str
    help: str


WAITING = Gauge(
    "withthis_queue_waiting", "queue", "Calls waiting for a slot, by bulkhead, and queries waiting for the encoder."
)
SLOTS = Gauge(
    "withthis_slots",
    "bulkhead",
    "Calls that may run at once: `search`, `reranked` (retrieval of searches that are reranked), `rerank` (their "
    "model), `batch` (`/v1/search/batch`), "
    "`documents` (`/v1/rerank`), `rerank_documents` (its model), `embeddings`, `write`, `catalog`, `images`.",
)
IN_USE = Gauge(
    "withthis_slots_in_use", "bulkhead", "Calls in progress, including those past their deadline that have not ended."
)
GAUGES = (WAITING, SLOTS, IN_USE)


class Room(Protocol):
    """Slots, and those who wait for one."""

    @property
    def slots(self) -> int:
        """Calls that may run at once."""

    @property
    def in_use(self) -> int:
        """Slots that are taken."""

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""


def watch(metrics: Metrics, service: ServiceState, bulkheads: Bulkheads) -> None:
    """Show bulkheads and queues, and count what the encoder and the caches do."""
    rooms: dict[str, Room] = {**bulkheads.named(), **service.rerank.rooms}
    waiting = {name: partial(getattr, room, "waiting") for name, room in rooms.items()}
    if isinstance(service.encoder, BatchingEncoder):
        waiting["encoder"] = partial(getattr, service.encoder, "waiting")
        service.encoder.on_batch = metrics.encoded
    for name, cache in service.rerank.caches.items():
        cache.on_lookup = partial(metrics.looked_up, name)
    for gauge, values in ((WAITING, waiting), (SLOTS, _read(rooms, "slots")), (IN_USE, _read(rooms, "in_use"))):
        metrics.watch(gauge.name, gauge.help, gauge.label, values)


def _read(rooms: dict[str, Room], name: str) -> dict[str, Callable[[], float]]:
    return {key: partial(getattr, room, name) for key, room in rooms.items()}
