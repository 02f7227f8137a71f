"""Thumbnails: as large as fits, kept by content, never more than allowed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from rerank.thumbnails import ThumbnailCache, fitted


@pytest.mark.parametrize(
    ("size", "shown"), [((600, 600), (50, 50)), ((600, 300), (100, 50)), ((10, 20), (25, 50)), ((5000, 1), (100, 1))]
)
def test_proportions_are_kept(size: tuple[int, int], shown: tuple[int, int]) -> None:
    small = fitted(Image.new("L", size), 100, 50)
    assert (small.size, small.mode) == (shown, "RGB")


def test_a_kept_thumbnail_is_not_made_again() -> None:
    cache, image = ThumbnailCache(), Image.new("RGB", (60, 60), "red")
    first = cache.fitted(image, 30, 30, "a")
    assert cache.fitted(image, 30, 30, "a") is first
    assert cache.fitted(image, 20, 30, "a").size == (20, 20)
    assert cache.fitted(image, 30, 30, None) is not first
    assert len(cache) == 2


def test_the_least_recently_used_goes_first() -> None:
    cache, image = ThumbnailCache(2), Image.new("RGB", (60, 60))
    kept = {key: cache.fitted(image, 30, 30, key) for key in "ab"}
    assert cache.fitted(image, 30, 30, "a") is kept["a"]
    cache.fitted(image, 30, 30, "c")
    assert cache.fitted(image, 30, 30, "a") is kept["a"]
    assert cache.fitted(image, 30, 30, "b") is not kept["b"]


def test_size_zero_keeps_none() -> None:
    cache = ThumbnailCache(0)
    cache.fitted(Image.new("RGB", (60, 60)), 30, 30, "a")
    assert len(cache) == 0


def test_threads_may_share_it() -> None:
    cache, image = ThumbnailCache(4), Image.new("RGB", (60, 60))
    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(lambda number: cache.fitted(image, 30, 30, str(number % 7)).size, range(400)))
    assert set(sizes) == {(30, 30)} and len(cache) == 4
