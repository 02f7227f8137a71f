"""Cached captions of query images, so that the same image is described once."""

from typing import NamedTuple

from rerank.lru_cache import LruCache

__all__ = ["CaptionCache", "CaptionKey"]


class CaptionKey(NamedTuple):
    """Everything a caption depends on: another image, prompt or engine gives another caption."""

    image_hash: str
    prompt: str
    engine: str


class CaptionCache(LruCache[CaptionKey, str]):
    """At most `size` captions."""

    def __init__(self, size: int = 1024) -> None:
        super().__init__(size)
