"""The words of a store's products: read once, kept by what is written, read again where others write."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from service.build import new_words
from service.errors import StoreUnavailable, TitleSearchUnavailable
from service.product import Product
from service.search.lexical.catalog_words import CatalogWords
from service.settings import load_settings
from service.stores.exact.exact_store import ExactStore
from service.stores.filters import Filter
from tests.integration.records import INFO, record


class Counting(ExactStore):
    """Counts how often it is walked through; `meanwhile` is done after the first page was read."""

    def __init__(self) -> None:
        super().__init__()
        self.walks = 0
        self.meanwhile: Callable[[], object] = lambda: None

    def page(self, *, after: str, limit: int, filter: Filter | None = None) -> list[tuple[str, Product]]:
        found = super().page(after=after, limit=limit, filter=filter)
        if not after:
            self.walks += 1
            self.meanwhile()
        return found


@pytest.fixture
def store() -> Counting:
    """Two products, one with three images."""
    opened = Counting()
    opened.ensure(INFO)
    opened.upsert([record("mug", number, title="Red mug") for number in range(3)])
    opened.upsert([record("cap", title="Blue cap", attributes={"sku": "AB-12"})])
    return opened


def product(id: str, title: str) -> Product:
    return Product(id=id, title=title, image_key="")


def found(words: CatalogWords, text: str) -> list[str]:
    return words.score(text).ids


def test_the_store_is_read_once_and_writes_are_noted(store: Counting) -> None:
    words = CatalogWords(store, ["title", "sku"])
    words.put([product("early", "Red hat")])  # nothing is at hand yet, and the store will have it
    assert (found(words, "red mug"), found(words, "ab-12")) == (["mug"], ["cap"])
    words.put([product("new", "Red vase"), product("mug", "Green mug")])
    words.remove(["cap"])
    assert (found(words, "red"), found(words, "green"), found(words, "cap"), store.walks) == (["new"], ["mug"], [], 1)


def test_words_of_a_field_may_count_for_less(store: Counting) -> None:
    words = CatalogWords(store, ["title", "sku"], weights={"sku": 0.5})
    words.index()
    words.put([product("ab", "AB hat")])
    found = words.score("ab")
    scores = dict(zip(found.ids, found.scores, strict=True))
    assert scores["cap"] == pytest.approx(scores["ab"] / 2, rel=0.05)


def test_what_is_written_during_the_walk_is_not_overwritten_by_it(store: Counting) -> None:
    words = CatalogWords(store, ["title"])

    def meanwhile() -> None:
        words.put([product("mug", "Green mug")])
        words.remove(["cap"])

    store.meanwhile = meanwhile
    assert (found(words, "red"), found(words, "green"), found(words, "cap")) == ([], ["mug"], [])


def test_a_shared_store_is_read_again_and_the_old_words_answer_meanwhile(store: Counting) -> None:
    words = CatalogWords(store, ["title"], refresh_s=0.0)
    assert found(words, "red") == ["mug"]
    store.upsert([record("vase", title="Red vase")])  # by another process
    store.delete(["mug"])
    going_on, read = threading.Event(), threading.Event()

    def meanwhile() -> None:
        read.set()
        going_on.wait(10)

    store.meanwhile = meanwhile
    assert found(words, "red") == ["mug"] and read.wait(10)
    assert found(words, "red") == ["mug"] and store.walks == 2
    store.meanwhile = lambda: None
    going_on.set()
    with words._making:  # the walk has ended
        assert words._index is not None and words._index.score("red").ids == ["vase"]
    words.close()


def test_a_store_that_fails_is_asked_again(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    words = CatalogWords(store, ["title"])
    with monkeypatch.context() as broken:
        broken.setattr(Counting, "page", lambda *_, **__: (_ for _ in ()).throw(StoreUnavailable()))
        with pytest.raises(StoreUnavailable):
            words.score("red")
    assert found(words, "red") == ["mug"]


def test_too_many_products_are_not_held(store: Counting) -> None:
    words = CatalogWords(store, ["title"], most=1)
    for _ in range(3):
        with pytest.raises(TitleSearchUnavailable, match="WITHTHIS_LEXICAL_MAX_PRODUCTS"):
            words.score("red")
    assert store.walks == 1


def test_closing_ends_the_walk_and_begins_none(store: Counting) -> None:
    words = CatalogWords(store, ["title"])
    words.warm()
    words.close()
    walks = store.walks
    words.warm()
    words.close()
    assert store.walks == walks <= 1


@pytest.mark.parametrize(
    ("uri", "token", "most", "refreshed"),
    [
        ("exact:", None, 7, False),
        ("shop.db", None, 7, False),
        ("http://x", None, 7, True),
        ("pinecone:x", "k", 0, True),
    ],
)
def test_settings_say_whose_store_it_is(
    store: Counting, uri: str, token: str | None, most: int, refreshed: bool
) -> None:
    words = new_words(store, load_settings(store_uri=uri, store_token=token, lexical_max_products=7))
    assert (words._most, words._refresh_s is not None) == (most, refreshed)


def test_the_state_changes_with_every_write_and_where_others_write_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    own, shared = CatalogWords(ExactStore(), ["title"]), CatalogWords(ExactStore(), ["title"], refresh_s=300)
    now = [1000.0]
    monkeypatch.setattr("service.search.lexical.catalog_words.time.monotonic", lambda: now[0])
    before = own.state(), shared.state()
    assert (own.state(), shared.state()) == before
    own.put([record("a").product])
    assert own.state() != before[0]
    before = own.state(), shared.state()
    now[0] += 300
    assert own.state() == before[0] and shared.state() != before[1]
    own.remove(["a"])
    assert own.state() != before[0]
