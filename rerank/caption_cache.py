"""Captions of query pictures, kept so that the same picture is described once."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

__all__ = ["CaptionCache", "CaptionKey"]


class CaptionKey(NamedTuple):
    """Everything a caption depends on: another picture, prompt or engine is another caption."""

    image_hash: str
    prompt: str
    engine: str


class CaptionCache:
    """A thread-safe map of at most `size` captions; the least recently used one goes first. Size 0 keeps none."""

    def __init__(self, size: int = 1024) -> None:
        self.size = size
        self.on_lookup: Callable[[bool], None] | None = None
        """Told of each look-up whether the caption was kept."""
        self._captions: OrderedDict[CaptionKey, str] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._captions)

    def get(self, key: CaptionKey) -> str | None:
        """The caption, now the most recently used one; None if it is not kept."""
        with self._lock:
            kept = self._captions.get(key)
            if kept is not None:
                self._captions.move_to_end(key)
        if self.on_lookup is not None:
            self.on_lookup(kept is not None)
        return kept

    def put(self, key: CaptionKey, caption: str) -> None:
        """Keep a caption, and drop the oldest ones beyond `size`."""
        with self._lock:
            self._captions[key] = caption
            self._captions.move_to_end(key)
            while len(self._captions) > self.size:
                self._captions.popitem(last=False)
