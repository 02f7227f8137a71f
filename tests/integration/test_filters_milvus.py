"""Filters on Milvus Lite, on a Milvus server and in the exact store, against their meaning computed in Python."""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.stores.exact.exact_store import ExactStore
from service.stores.filter_evaluation import matches
from service.stores.filters import parse_filter
from service.stores.milvus.milvus_store import MilvusStore
from service.stores.store import Store
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
FEW = [
    record("a", category="mug", price=5.0, attributes={"colour": "red", "size": 3, "new": True, "tags": ["x", "y"]}),
    record("b", category="mug", price=15.5, attributes={"colour": "blue", "size": 40, "new": False}),
    record("c", category="cap", price=None, attributes={"colour": "red", "size": "XL", "tags": ["x"]}),
    record("d", category=None, price=0.0, attributes={"size": 3.5, "tags": []}),
    record("e", category=None, price=None, attributes={}),
    record("f", category="cap", price=30.0, attributes={"colour": "green", "size": -2, "tags": "x"}),
]
NASTY = [
    *(True, False, 1, 0, -1, 1.0, -0.0, 36, 36.0, 36.5, -18, -18.5, 1e-7, 5e-324, 1e300, 2**53 - 1, 2**53, 2**53 + 1),
    *(1 - 2**53, 2**63 - 1, 1 - 2**63, 1e16, "", "1", "1.0", "true", "36", "-18", "null", "e\u0301", "é", "🐆", "list"),
    *(
        [],
        [True],
        [False, 1],
        [1],
        [36],
        [36.0, 36.5],
        [-18, True],
        ["36"],
        ["true", 0],
        [-0.0],
        [2**53 + 1],
        ["é", "🐆"],
    ),
]
ROWS = [
    *FEW,
    *(record(f"x{number:02}", price=None, attributes={"x": value}) for number, value in enumerate(NASTY)),
    *(
        record(f"y{number:02}", price=float(abs(value)), attributes={"y": value, "x": [value, True]})
        for number, value in enumerate(NASTY)
        if isinstance(value, int | float) and not isinstance(value, bool)
    ),
]


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


_EXACT = 2**53 - 1
_NUMBERS = st.sampled_from(
    [
        *(-2, 0, 3, 3.5, 15.5, 40, 1000.25, 1, 1.0, -0.0, 36, 36.0, 36.5, -18, -18.0, -18.5, 1e-7, 5e-324),
        _EXACT,
        -_EXACT,
    ]
) | st.integers(-_EXACT, _EXACT)
_TEXTS = st.sampled_from(
    ["red", "blue", "mug", "cap", "x", "XL", 'q"', "1", "1.0", "true", "36", "", "é", "🐆", "list"]
)
_SCALARS = _NUMBERS | _TEXTS | st.booleans()
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


def _attribute(name: str, ranged: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return _conditions(_SCALARS, ranged).map(lambda c: {"attributes": {name: c}})


def leaves(ranged: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Conditions; `ranged`: what attributes are compared with by order."""
    contained = st.tuples(st.sampled_from(["tags", "x", "y"]), _SCALARS)
    return st.one_of(
        _conditions(_TEXTS, None).map(lambda c: {"category": c}),
        _conditions(_NUMBERS, _NUMBERS).map(lambda c: {"price": c}),
        *(_attribute(name, ranged) for name in ("colour", "size", "new", "x", "y")),
        contained.map(lambda pair: {"attributes": {pair[0]: {"contains": pair[1]}}}),
    )


def filters(ranged: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Whole filters, negated and nested."""
    return st.recursive(
        leaves(ranged),
        lambda inner: st.one_of(
            inner.map(lambda one: {"not": one}),
            st.lists(inner, min_size=1, max_size=3).map(lambda many: {"and": many}),
            st.lists(inner, min_size=1, max_size=3).map(lambda many: {"or": many}),
        ),
        max_leaves=5,
    )


def expected(data: Mapping[str, Any]) -> set[str]:
    """What the meaning of a filter, computed in Python, finds."""
    wanted = parse_filter(dict(data))
    return {row.product_id for row in ROWS if matches(wanted, row.product)}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=filters(_NUMBERS | _TEXTS))
def test_any_filter_means_the_same_everywhere(store: Store, data: dict[str, Any]) -> None:
    assert matching(store, data) == expected(data)


@pytest.mark.parametrize(
    "data",
    [
        *(
            {"x": {operator: value}}
            for operator in ("eq", "ne", "contains")
            for value in (True, False, 1, 0, 36, -18, "true")
        ),
        *({"x": {operator: value}} for operator in ("gt", "lte") for value in (0, -0.0, 36, _EXACT, "1")),
        {"x": {"in": [True, 36, "36"]}},
        {"x": {"in": [1, 0]}},
    ],
    ids=str,
)
def test_values_that_stores_confuse(store: Store, data: dict[str, Any]) -> None:
    """True and 1 on Lite, 36 and 36.0 in lists on a server, negative numbers in lists, integers beyond 2**53."""
    for filter in ({"attributes": data}, {"not": {"attributes": data}}):
        assert matching(store, filter) == expected(filter)


def test_attributes_come_back_as_they_were(store: Store) -> None:
    for row in ROWS:
        [found] = store.fetch([row.id])
        assert repr(dict(found.product.attributes)) == repr(dict(row.product.attributes))
