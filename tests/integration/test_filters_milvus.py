"""Filters on Milvus Lite, on a Milvus server and in the exact store, against their meaning computed in Python."""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.stores.base import Record, Store
from service.stores.evaluate import matches
from service.stores.exact import ExactStore
from service.stores.filters import parse_filter
from service.stores.milvus import MilvusStore
from tests.integration.records import INFO, record, unit

PIECES = [
    *(
        '"',
        "'",
        "\\",
        '\\"',
        "\n",
        "\r",
        "\t",
        "\x01",
        "\x7f",
        "\u2028",
        "é",
        "🐆",
        "%",
        "_",
        "$meta",
        "{x}",
        "\\n",
        "\\u0041",
    ),
    *(
        " or 1 == 1",
        '" or "" == "',
        " and ",
        "not",
        "null",
        "]",
        "[",
        ")",
        "(",
        "//",
        "--",
        ";",
        "true",
        "0",
        " ",
        "category",
    ),
]
ROWS = [
    record("a", category="mug", price=5.0, attributes={"colour": "red", "size": 3, "new": True, "tags": ["x", "y"]}),
    record("b", category="mug", price=15.5, attributes={"colour": "blue", "size": 40, "new": False}),
    record("c", category="cap", price=None, attributes={"colour": "red", "size": "XL", "tags": ["x"]}),
    record("d", category=None, price=0.0, attributes={"size": 3.5, "tags": []}),
    record("e", category=None, price=None, attributes={}),
    record("f", category="cap", price=30.0, attributes={"colour": "green", "size": -2, "tags": "x"}),
]
COMPARE = {
    "eq": lambda a, b: a == b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
}


def hostile_texts(count: int) -> list[str]:
    """Distinct texts made to break out of a string literal."""
    dice = random.Random(11)
    texts: set[str] = set(PIECES)
    while len(texts) < count:
        texts.add("".join(dice.choices(PIECES, k=dice.randint(2, 8))))
    return sorted(texts)


SERVER = pytest.param("server", marks=pytest.mark.slow)


def open_at(place: str, folder: Path, request: pytest.FixtureRequest, name: str) -> Store:
    """An empty store of one of the kinds that are tested here."""
    if place == "exact":
        store: Store = ExactStore()
    elif place == "server":
        store = MilvusStore(request.getfixturevalue("milvus_uri"), collection=name, timeout_s=60)
    else:
        store = MilvusStore(str(folder / "milvus.db"))
    store.ensure(INFO)
    return store


@pytest.fixture(scope="module", params=["in memory", "on disk", "exact", SERVER])
def store(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Store]:
    """One store with the rows above, as just written or as read from disk: Lite computes filters for each by itself."""
    opened = open_at(request.param, tmp_path_factory.mktemp("filters"), request, "filters")
    opened.upsert(ROWS)
    if request.param == "on disk":
        opened.close()
        opened.ensure(INFO)
    yield opened
    opened.close()


def matching(store: Store, data: Mapping[str, Any]) -> set[str]:
    return {hit.product_id for hit in store.search(unit(3), limit=500, filter=parse_filter(dict(data)))}


@pytest.mark.parametrize("place", ["in memory", "exact", SERVER])
def test_two_hundred_hostile_texts_find_exactly_themselves(
    tmp_path: Path, request: pytest.FixtureRequest, place: str
) -> None:
    texts = hostile_texts(200)
    store = open_at(place, tmp_path, request, "hostile")
    store.upsert([record(f"p{n}", seed=n, category=text, attributes={"note": text}) for n, text in enumerate(texts)])
    for number, text in enumerate(texts):
        assert matching(store, {"category": {"eq": text}}) == {f"p{number}"}
        assert matching(store, {"attributes": {"note": {"in": [text, "nothing"]}}}) == {f"p{number}"}
    assert matching(store, {"category": {"in": texts[:150]}}) == {f"p{number}" for number in range(150)}
    store.close()


def test_hostile_product_ids(store: Store) -> None:
    ids = [text.strip() for text in ('x" or "" == "', "y\\", "z'", 'w\\"', "%", "$meta")]
    store.upsert([record(product_id) for product_id in ids])
    for product_id in ids:
        assert [row.product_id for row in store.get(product_id)] == [product_id]
        assert list(store.hashes([f"{product_id}#0"])) == [f"{product_id}#0"]
    assert store.delete(ids) == len(ids) and store.count() == len(ROWS)


@pytest.mark.parametrize("name", ["size (cm)", "a.b", "a/b", "a~1b", "0", "größe", "null", "it's", "a b", "$x", "{}"])
def test_attribute_names(store: Store, name: str) -> None:
    store.upsert([record("named", attributes={name: "yes"})])
    assert matching(store, {"attributes": {name: {"eq": "yes"}}}) == {"named"}
    assert "named" not in matching(store, {"attributes": {name: {"ne": "yes"}}})
    store.delete(["named"])


_NUMBERS = st.sampled_from([-2, 0, 3, 3.5, 15.5, 40, 1000.25])
_TEXTS = st.sampled_from(["red", "blue", "mug", "cap", "x", "XL", 'q"'])
_RANGES = ["lt", "lte", "gt", "gte"]


def _conditions(equal: st.SearchStrategy[Any], ranged: st.SearchStrategy[Any] | None) -> st.SearchStrategy[Any]:
    options: dict[str, st.SearchStrategy[Any]] = {
        "eq": st.none() | equal,
        "ne": st.none() | equal,
        "in": st.lists(equal, min_size=1, max_size=3),
        "exists": st.booleans(),
    }
    if ranged is not None:
        options.update(dict.fromkeys(_RANGES, ranged))
    return st.sampled_from(sorted(options)).flatmap(lambda name: options[name].map(lambda value: {name: value}))


_LEAVES = st.one_of(
    _conditions(_TEXTS, None).map(lambda c: {"category": c}),
    _conditions(_NUMBERS, _NUMBERS).map(lambda c: {"price": c}),
    _conditions(_NUMBERS | _TEXTS, _NUMBERS | _TEXTS).map(lambda c: {"attributes": {"colour": c}}),
    _conditions(_NUMBERS | _TEXTS, _NUMBERS | _TEXTS).map(lambda c: {"attributes": {"size": c}}),
    _conditions(st.booleans() | _TEXTS, None).map(lambda c: {"attributes": {"new": c}}),
    _TEXTS.map(lambda value: {"attributes": {"tags": {"contains": value}}}),
)
_FILTERS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda one: {"not": one}),
        st.lists(inner, min_size=1, max_size=3).map(lambda many: {"and": many}),
        st.lists(inner, min_size=1, max_size=3).map(lambda many: {"or": many}),
    ),
    max_leaves=5,
)


def holds(data: Mapping[str, Any], row: Record, positive: bool = True) -> bool:
    """The documented meaning of a filter, or of its negation."""
    parts: list[bool] = []
    for name, value in data.items():
        if name in {"and", "or"}:
            every = (name == "and") == positive
            parts.append((all if every else any)(holds(part, row, positive) for part in value))
        elif name == "not":
            parts.append(holds(value, row, not positive))
        elif name == "attributes":
            parts += [
                compares(operator, row.attributes.get(key), wanted, positive)
                for key, condition in value.items()
                for operator, wanted in condition.items()
            ]
        else:
            parts += [compares(operator, getattr(row, name), wanted, positive) for operator, wanted in value.items()]
    return all(parts) if positive else any(parts)


def compares(operator: str, stored: Any, wanted: Any, positive: bool) -> bool:  # noqa: PLR0911
    """One comparison, or its negation."""
    if operator == "ne":
        return compares("eq", stored, wanted, not positive)
    if operator == "exists":
        return bool((stored is not None) == wanted) == positive
    if operator == "in":
        return (any(compares("eq", stored, one, True) for one in wanted)) == positive
    if operator == "contains":
        return (isinstance(stored, list) and wanted in stored) == positive
    if operator == "eq" or stored is None:
        return (stored is not None and stored == wanted if wanted is not None else stored is None) == positive
    if isinstance(stored, str) != isinstance(wanted, str):
        return False  # neither the comparison nor its negation
    return bool(COMPARE[operator](stored, wanted)) == positive


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=_FILTERS)
def test_any_filter_means_the_same_everywhere(store: Store, data: dict[str, Any]) -> None:
    expected = {row.product_id for row in ROWS if holds(data, row)}
    assert matching(store, data) == expected
    assert {row.product_id for row in ROWS if matches(parse_filter(data), row)} == expected
