"""Hybrid search compares few products, and finds what comparing all of them would."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.product import Product
from service.search.hybrid import hybrid_search
from service.search.lexical.catalog_words import CatalogWords
from service.search.lexical.inverted_index import LexicalScores
from service.search.lexical.words import words
from service.search.retrieval_types import HybridOptions
from service.stores.exact.exact_store import ExactStore
from service.stores.filter_evaluation import matches
from service.stores.filters import Filter
from service.stores.store import Record
from tests.integration.records import INFO, record, unit

_WORDS = ["red", "blue", "mug", "leopard", "case", "lamp"]
_WHERE = [None, None, {"category": {"eq": "mug"}}, {"price": {"gte": 2}}]
_LABELS: list[list[list[str]]] = [[], [["=mug"]], [["=mug"], ["=case"]]]


@dataclass(frozen=True)
class Case:
    """A catalog and a query."""

    store: ExactStore
    matched: LexicalScores
    text: str
    filter: Filter | None
    weight: float

    def search(self, wanted: int, limit: int) -> list[tuple[str, float]]:
        options = HybridOptions(self.weight)
        hits = hybrid_search(self.store, self.matched, unit(3), options, limit=limit, filter=self.filter, wanted=wanted)
        return [(hit.product_id, hit.hybrid.fused) for hit in hits]

    def everything(self) -> dict[str, float]:
        """The formula, product by product."""
        best = {hit.product_id: hit for hit in self.store.search(unit(3), limit=1000, filter=self.filter)}
        highest = max((hit.score for hit in best.values()), default=0.0)
        places = {id: place for place, id in enumerate(self.matched.ids)}
        share = 0.2 * self.weight if self.matched.raised.any() else 0.0
        found = {}
        for id, hit in best.items():
            score = self.matched.scores[places[id]] if id in places else 0.0
            raised = self.matched.raised[places[id]] if id in places else 0.0
            same = bool(score) and words(hit.product.title) == words(self.text)
            lexical, boost = (1.0, 1.0) if same else (0.8 * score, raised)
            dense = (hit.score + 1) / (highest + 1)
            found[id] = (1 - share) * (self.weight * lexical + (1 - self.weight) * dense) + share * boost
        return found


def labels(product: Product) -> list[str]:
    return [] if product.category is None else [f"={product.category}"]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Of several times as many products as are wanted, with equal titles and equal vectors among them."""
    random = draw(st.randoms(use_true_random=False))
    store = ExactStore()
    store.ensure(INFO)
    products: list[list[Record]] = []
    for number in range(random.randint(1, 60)):
        title = " ".join(random.sample(_WORDS, random.choice([1, 1, 2, 3])))
        fields: dict[str, Any] = {"title": title, "category": random.choice(["mug", "case"]), "price": number % 4}
        seeds = [random.randint(0, 60) for _ in range(random.choice([1, 1, 1, 3]))]
        products.append([record(f"p{number:02}", place, seed=seed, **fields) for place, seed in enumerate(seeds)])
    store.write(products)
    text = " ".join(random.sample(_WORDS, random.randint(1, 3)))
    matched = CatalogWords(store, ["title", "category"], labels=labels).score(text, random.choice(_LABELS))
    where = random.choice(_WHERE)
    weight = random.choice([0.0, 0.3, 0.5, 0.9, 1.0])
    return Case(store, matched, text, Filter.model_validate(where) if where else None, weight)


@settings(max_examples=25)
@given(cases(), st.integers(1, 8))
def test_the_best_of_the_catalog_are_found(case: Case, wanted: int) -> None:
    everything = case.everything()
    found = case.search(wanted, limit=100)
    assert len({id for id, _ in found}) == len(found) == min(wanted, len(everything))
    assert [fused for _, fused in found] == pytest.approx(sorted(everything.values(), reverse=True)[:wanted], abs=1e-6)
    assert dict(found) == pytest.approx({id: everything[id] for id, _ in found}, abs=1e-6)


@settings(max_examples=25)
@given(cases(), st.integers(1, 6), st.integers(0, 20))
def test_few_are_never_worse_than_the_first_of_many(case: Case, wanted: int, more: int) -> None:
    """Also where more products share words with the text than are looked at."""
    few, many = case.search(wanted, wanted + more), case.search(wanted + more, wanted + more)
    assert all(one[1] >= other[1] - 1e-6 for one, other in zip(few, many[:wanted], strict=True))


class Counting(ExactStore):
    """Counts the products that are returned and read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def search(self, vector: Any, *, limit: int, filter: Filter | None = None) -> Any:
        hits = super().search(vector, limit=limit, filter=filter)
        self.read += len(hits)
        return hits

    def records(self, keys: Any) -> Any:
        rows = super().records(keys)
        self.read += len(rows)
        return rows


def test_most_products_are_neither_returned_nor_read() -> None:
    store = Counting()
    store.ensure(INFO)
    titles = ["Leopard mug", "Mug", "Blue mug", "Cap"]
    store.write([[record(f"p{number:03}", seed=number, title=titles[number % 4])] for number in range(400)])
    matched = CatalogWords(store, ["title"]).score("a leopard mug")
    store.read = 0
    hits = hybrid_search(store, matched, unit(3), HybridOptions(), limit=100, filter=None, wanted=9)
    assert {hit.product.title for hit in hits} == {"Leopard mug"} and store.read < 130


def test_of_more_equal_titles_than_are_looked_at_the_most_similar_are_found() -> None:
    """Six lamps are nearest. Of sixty mugs, the last ones by id are the most similar."""
    across = unit(8) - unit(3) * float(unit(8) @ unit(3))

    def row(id: str, title: str, share: float) -> list[Record]:
        vector = unit(3) + across * share
        return [replace(record(id, title=title), vector=(vector / np.linalg.norm(vector)).astype(np.float32))]

    store = ExactStore()
    store.ensure(INFO)
    store.write([row(f"lamp{number}", "Lamp", 0.01 * number) for number in range(6)])
    store.write([row(f"mug{number:02}", "Red mug, large", 1 - 0.01 * number) for number in range(60)])
    matched = CatalogWords(store, ["title"]).score("red mug")
    found = hybrid_search(store, matched, unit(3), HybridOptions(), limit=20, filter=None, wanted=2)
    assert [hit.product_id for hit in found] == ["mug59", "mug58"]


def test_a_filter_is_held_by_what_the_words_add() -> None:
    store = ExactStore()
    store.ensure(INFO)
    store.write([[record(f"p{number:03}", seed=number, title="Lamp", category="yes")] for number in range(60)])
    far = [replace(record(id, title="Red mug", category=id), vector=-unit(3)) for id in ("yes", "no")]
    store.write([[row] for row in far])
    matched = CatalogWords(store, ["title"]).score("red mug")
    where = Filter.model_validate({"category": {"eq": "yes"}})
    assert matches(where, far[0].product) and not matches(where, far[1].product)
    found = hybrid_search(store, matched, unit(3), HybridOptions(1.0), limit=50, filter=where, wanted=5)
    assert found[0].product_id == "yes" and len(found) == 5
