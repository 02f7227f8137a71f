"""BM25 over the whole catalog, whenever and in whatever order its products were written."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.search.lexical import inverted_index as module
from service.search.lexical.inverted_index import K1, B, LexicalIndex, LexicalScores

_WORDS = st.lists(st.sampled_from(["red", "blue", "mug", "case", "phone"]), max_size=4)
_IDS = st.sampled_from(["a", "b", "c", "d", "e"])
_CHANGES = st.lists(st.tuples(_IDS, st.none() | _WORDS), max_size=30)


def filled(catalog: dict[str, list[str]]) -> LexicalIndex:
    index = LexicalIndex()
    for id, words in catalog.items():
        index.put(id, words)
    return index


def of(found: LexicalScores) -> dict[str, float]:
    """The scores of all that were found."""
    return dict(zip(found.ids, found.scores.tolist(), strict=True))


def best(found: LexicalScores, limit: int) -> list[str]:
    return found.best(limit, by=found.scores, least=0.0)


def bm25(
    catalog: dict[str, list[str]], query: set[str], weights: Mapping[str, Mapping[str, float]] = MappingProxyType({})
) -> dict[str, float]:
    """The formula of the module, product by product, as shares of the query's own score. `weights`: by product and
    word, 1 where there is none.
    """
    sets = {id: set(words) for id, words in catalog.items()}
    average = max(1.0, sum(map(len, sets.values())) / len(sets)) if sets else 1.0
    holders = {word: sum(word in words for words in sets.values()) for word in query}
    idf = {word: math.log(1 + (len(sets) - n + 0.5) / (n + 0.5)) for word, n in holders.items()}

    def score(words: set[str], own: Mapping[str, float]) -> float:
        damping = 1 + K1 * (1 - B + B * len(words) / average)
        return sum(own.get(word, 1.0) * idf[word] * (K1 + 1) / damping for word in query & words)

    most = score(query, {})
    found = {id: score(words, weights.get(id, {})) / most for id, words in sets.items() if query & words}
    return {id: min(1.0, share) for id, share in found.items()}


@given(_CHANGES, st.sets(st.sampled_from(["red", "mug", "phone", "unknown"]), min_size=1))
def test_scores_depend_on_what_is_there_and_not_on_how_it_came(
    changes: list[tuple[str, list[str] | None]], query: set[str]
) -> None:
    index, catalog = LexicalIndex(), dict[str, list[str]]()
    for id, words in changes:
        if words is None:
            catalog.pop(id, None)
            index.remove([id])
        else:
            catalog[id] = words
            index.put(id, words)
    found = of(index.score(" ".join(sorted(query))))
    assert len(index) == len(catalog)
    assert found == pytest.approx(bm25(catalog, query))
    assert found == of(filled(catalog).score(" ".join(sorted(query))))


@given(_CHANGES, st.dictionaries(st.sampled_from(["red", "mug", "phone"]), st.sampled_from([0.25, 0.5]), min_size=1))
def test_a_word_counts_as_much_as_the_field_that_has_it(
    changes: list[tuple[str, list[str] | None]], lesser: dict[str, float]
) -> None:
    index, catalog = LexicalIndex(), dict[str, list[str]]()
    weights: dict[str, dict[str, float]] = {}
    for number, (id, words) in enumerate(changes):
        catalog[id] = words or []
        weights[id] = {word: weight for word, weight in lesser.items() if word in catalog[id] and number % 2}
        index.put(id, catalog[id], (), weights[id])
    assert of(index.score("red mug")) == pytest.approx(bm25(catalog, {"red", "mug"}, weights))
    assert index.having([["red"]]) == {id for id, words in catalog.items() if "red" in words}


def test_a_product_whose_words_are_the_query_has_all_of_its_score() -> None:
    index = filled({"exact": ["oatly", "oat", "milk"], "longer": ["oatly", "oat", "milk", "barista"], "oat": ["oat"]})
    scores = index.score("Oatly Oat Milk")
    found = of(scores)
    assert found["exact"] == 1.0 > found["longer"] > found["oat"]
    assert best(scores, 2) == ["exact", "longer"] and best(scores, 9) == ["exact", "longer", "oat"]


def test_a_rare_word_counts_more_and_a_repeated_one_no_more() -> None:
    common = {f"m{number}": ["mug"] for number in range(9)}
    scores = of(filled({**common, "red": ["red"], "often": ["mug"] * 5}).score("red mug"))
    assert scores["red"] > scores["m0"] == scores["often"]


def test_equal_products_are_ordered_by_id() -> None:
    assert best(filled({"b": ["mug"], "a": ["mug"], "c": ["mug"]}).score("mug"), 2) == ["a", "b"]


def test_texts_without_a_known_word_find_nothing() -> None:
    for text in ("zebra", "", "!!!"):
        assert filled({"a": ["mug"]}).score(text).ids == [] == LexicalIndex().score(text).ids


def test_dead_entries_are_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SPARE", 4)
    index = filled({id: ["mug", id] for id in "abc"})
    for number in range(100):
        index.put("a", ["mug", f"word{number}"])
    assert len(index._ids) <= 2 * 3 + 4 and len(index._postings) <= 2 * 3 + 4
    assert sorted(index.score("mug").ids) == ["a", "b", "c"] and best(index.score("word99"), 3) == ["a"]
    index.remove(["a", "b", "unknown"])
    assert index.score("mug").ids == ["c"]


def test_searches_beside_writes_see_whole_products() -> None:
    index, stop, faults = filled({"a": ["red", "mug"]}), threading.Event(), list[object]()

    def write() -> None:
        for number in range(3000):
            index.put("a", ["red", "mug", f"word{number}"])
        stop.set()

    def read() -> None:
        while not stop.is_set():
            found = index.score("red mug").ids
            if found != ["a"]:
                faults.append(found)

    threads = [threading.Thread(target=each) for each in (write, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
