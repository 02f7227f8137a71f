"""What the metrics see of the parts at work: rooms, the encoder, the caches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from service.api.bulkheads import Bulkheads
from service.encoders.batching import BatchingEncoder
from service.metrics import Metrics
from service.parts import Parts


class Room(Protocol):
    """Slots, and those who wait for one."""

    @property
    def slots(self) -> int:
        """Calls that may work at once."""

    @property
    def in_use(self) -> int:
        """Slots that are taken."""

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""


def watch(metrics: Metrics, parts: Parts, bulkheads: Bulkheads) -> None:
    """Show rooms and queues, and count what the encoder and the caches do."""
    rooms: dict[str, Room] = {**bulkheads.named(), **parts.rerank.rooms}
    waiting = {name: partial(getattr, room, "waiting") for name, room in rooms.items()}
    if isinstance(parts.encoder, BatchingEncoder):
        waiting["encoder"] = partial(getattr, parts.encoder, "waiting")
        parts.encoder.on_batch = metrics.encoded
    for name, cache in parts.rerank.caches.items():
        cache.on_lookup = partial(metrics.looked_up, name)
    metrics.watch("withthis_queue_waiting", "Calls that wait for their turn.", "queue", waiting)
    metrics.watch("withthis_slots", "Calls that may work at once.", "bulkhead", _read(rooms, "slots"))
    metrics.watch("withthis_slots_in_use", "Calls at work, stuck ones too.", "bulkhead", _read(rooms, "in_use"))


def _read(rooms: dict[str, Room], name: str) -> dict[str, Callable[[], float]]:
    return {key: partial(getattr, room, name) for key, room in rooms.items()}
