"""The cache behind all others of this package: bounded, thread-safe, least recently used."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["LruCache"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """A thread-safe map of at most `size` values; the least recently used one goes first. Size 0 keeps none."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.on_lookup: Callable[[bool], None] | None = None
        """Told of each lookup whether the value was kept."""
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._lock = Lock()

    def __reduce__(self) -> tuple[type["LruCache[Key, Value]"], tuple[int]]:
        """Pickled, it is an empty one of the same size."""
        return type(self), (self.size,)

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key) -> Value | None:
        """The value, now the most recently used one; None if it is not kept."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
        if self.on_lookup is not None:
            self.on_lookup(kept is not None)
        return kept

    def put(self, key: Key, value: Value) -> None:
        """Keep a value, and drop the oldest ones beyond `size`."""
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            while len(self._kept) > self.size:
                self._kept.popitem(last=False)
