"""The lexical index of all products of a store, in this process.

The index is built by one scan of the store, on first use or earlier in the background, and maintained with what this
process writes. A store that other processes write to, too, is walked through again from time to time; the index of
before answers until the new one is there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence

from service.errors import StoreUnavailable, TitleSearchUnavailable, WithThisError
from service.product import Product
from service.search.lexical.inverted_index import LexicalIndex, LexicalScores
from service.search.lexical.words import lesser_words, product_words
from service.stores.revisions import head_id
from service.stores.store import Store

logger = logging.getLogger(__name__)
_PAGE = 4096
Labels = Callable[[Product], Collection[Hashable]]
TOO_MANY = (
    "The catalog has more products than WITHTHIS_LEXICAL_MAX_PRODUCTS, so they are not in the lexical index. Raise "
    "it, or leave hybrid out."
)


class CatalogWords:
    """Which products share words with a text. Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        fields: Sequence[str],
        *,
        most: int = 1_000_000,
        refresh_s: float | None = None,
        labels: Labels = lambda product: (),
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """`fields`: see `product_words`; `weights`: see `lesser_words`. `most`: products held, 0 for none at all.
        `refresh_s`: after how many seconds the store is scanned again; None if only this process writes.
        `labels`: what a product is found by in addition to its words.
        """
        self._store = store
        self._fields = tuple(fields)
        self._weights = dict(weights or {})
        self._labels = labels
        self._most = most
        self._refresh_s = refresh_s
        self._index: LexicalIndex | None = None
        self._coming: LexicalIndex | None = None
        self._changed: set[str] = set()
        self._made = 0.0
        self._writes = 0
        self._too_many = self._closed = False
        self._making = threading.Lock()
        self._writing = threading.Lock()

    def score(self, text: str, labels: Sequence[Collection[Hashable]] = ()) -> LexicalScores:
        """The products that share a word with the text, or have one of the labels of a group. Raises as `index`."""
        return self.index().score(text, labels)

    def index(self) -> LexicalIndex:
        """The words and labels of all products.

        Raises `TitleSearchUnavailable` for too large a catalog, and what the store raises.
        """
        if not self._most:
            raise TitleSearchUnavailable
        if self._too_many:
            raise TitleSearchUnavailable(TOO_MANY)
        index = self._index
        if index is None:
            index = self._make(since=0.0)
        elif self._refresh_s is not None and time.monotonic() - self._made > self._refresh_s:
            self.warm()
        return index

    def state(self) -> Hashable:
        """Another one after every write noted here and, where others write, too, every `refresh_s`."""
        return self._writes, None if self._refresh_s is None else int(time.monotonic() / self._refresh_s)

    def warm(self) -> None:
        """Rebuild the index in the background, unless that is in progress."""
        if self._most and not self._too_many and not self._making.locked():
            threading.Thread(target=self._make_quietly, name="words", daemon=True).start()

    def close(self) -> None:
        """Stop a scan of the store that is in progress, so that the store can be closed; no further one is started."""
        self._closed = True
        with self._making:
            return

    def put(self, products: Iterable[Product]) -> None:
        """Note what was written."""
        with self._writing:
            self._writes += 1
            for product in products:
                for index in self._indexes(product.id):
                    self._enter(index, product)

    def remove(self, product_ids: Iterable[str]) -> None:
        """Note what was deleted."""
        with self._writing:
            self._writes += 1
            for id in product_ids:
                for index in self._indexes(id):
                    index.remove([id])

    def _enter(self, index: LexicalIndex, product: Product) -> None:
        lesser = lesser_words(product, self._fields, self._weights)
        words = product_words(product, self._fields)
        index.put(product.id, words, self._labels(product), lesser, title=product.title)

    def _indexes(self, product_id: str) -> list[LexicalIndex]:
        """The targets of a change; a scan in progress skips what changed in the meantime."""
        if self._coming is not None:
            self._changed.add(product_id)
        return [index for index in (self._index, self._coming) if index is not None]

    def _make_quietly(self) -> None:
        try:
            self._make(since=time.monotonic())
        except WithThisError:
            if self._closed:
                return
            logger.warning("the lexical index could not be loaded; it will be loaded again when needed", exc_info=True)

    def _make(self, since: float) -> LexicalIndex:
        """A new index, or the one that another thread has made since."""
        with self._making:
            if self._index is not None and self._made >= since:
                return self._index
            began = time.monotonic()
            with self._writing:
                self._coming, self._changed = LexicalIndex(), set()
            try:
                self._walk(self._coming)
                self._index, self._made = self._coming, began
            finally:
                with self._writing:
                    self._coming = None
            return self._index

    def _page(self, after: str) -> list[tuple[str, Product]]:
        if self._closed:
            raise StoreUnavailable
        return self._store.page(after=after, limit=_PAGE)

    def _walk(self, index: LexicalIndex) -> None:
        after = ""
        while page := self._page(after):
            after = page[-1][0]
            with self._writing:
                for key, product in page:
                    if key == head_id(product.id) and product.id not in self._changed:
                        self._enter(index, product)
            if len(index) > self._most:
                self._too_many = True
                raise TitleSearchUnavailable(TOO_MANY)
