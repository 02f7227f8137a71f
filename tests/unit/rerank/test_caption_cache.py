"""The caption cache is bounded and forgets the least recently used caption first."""

from concurrent.futures import ThreadPoolExecutor

from rerank.caption_cache import CaptionCache, CaptionKey


def key(image_hash: str, prompt: str = "caption@1", engine: str = "fake") -> CaptionKey:
    return CaptionKey(image_hash, prompt, engine)


def test_image_prompt_and_engine_make_the_key() -> None:
    cache = CaptionCache()
    cache.put(key("a"), "a leopard")
    assert cache.get(key("a")) == "a leopard"
    assert cache.get(key("b")) is cache.get(key("a", "caption@2")) is cache.get(key("a", engine="other")) is None


def test_the_least_recently_used_goes_first() -> None:
    cache = CaptionCache(size=2)
    cache.put(key("a"), "1")
    cache.put(key("b"), "2")
    cache.get(key("a"))
    cache.put(key("c"), "3")
    assert (cache.get(key("a")), cache.get(key("b")), cache.get(key("c"))) == ("1", None, "3")


def test_size_zero_keeps_nothing() -> None:
    cache = CaptionCache(size=0)
    cache.put(key("a"), "1")
    assert len(cache) == 0


def test_threads_may_share_it() -> None:
    cache = CaptionCache(size=8)

    def work(turn: int) -> None:
        cache.put(key(str(turn % 16)), "x")
        cache.get(key(str((turn * 7) % 16)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(400)))
    assert len(cache) == 8
