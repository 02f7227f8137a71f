"""Facets, sorting, groups and variety give the same answers on every store: only their speed differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rerank.query import Query
from service.build import assemble
from service.product import Product
from service.search.facets import count_facets
from service.search.pipeline import SearchPipeline
from service.search.retrieval_types import (
    CollapseOptions,
    DiversityOptions,
    FacetOptions,
    GroupOptions,
    SortKey,
)
from service.search.types import SearchRequest, SearchResponse
from service.server.catalog import Catalog
from service.stores.exact.exact_store import ExactStore
from service.stores.filter_evaluation import matches
from service.stores.filters import parse_filter
from service.stores.store import Record, Store
from tests.fakes import FakeEncoder, make_shop
from tests.integration.conftest import MakeStore

PRODUCTS, WINDOW = 130, 40
FACETS = (
    FacetOptions("category"),
    FacetOptions("price", ranges=(20.0, 60.5)),
    FacetOptions("size", ranges=4),
    FacetOptions("tags"),
)
SIZES = parse_filter({"attributes": {"size": {"lt": 5}}})
CHEAP = parse_filter({"price": {"lt": 60}, "category": {"ne": "cap"}})


def products() -> list[Product]:
    """Variants of thirteen styles; some have no price, no style, or an attribute of another type."""
    return [
        Product(
            id=f"p{n:03}",
            title=f"Product {n}",
            category=["mug", "cap", None][n % 3],
            price=None if n % 10 == 9 else n % 7 * 15 + 0.5,
            attributes={
                "size": f"{n}" if n % 13 == 12 else n % 9,
                "tags": ["new", True] if n % 4 else ["sale"],
                "added": f"2026-0{n % 9 + 1}-01",
                **({"style": f"s{n % 13}"} if n % 11 else {}),
            },
            image_key=f"key-{n // 2}",
        )
        for n in range(PRODUCTS)
    ]


def rows() -> list[list[Record]]:
    """Every fifth product has a second image."""
    made = []
    for product in products():
        vectors = FakeEncoder().encode([Query(product.title), Query(f"{product.title} again")]).vectors
        images = 2 if int(product.id[1:]) % 5 == 0 else 1
        made.append([Record(f"{product.id}#{n}", product, vectors[n], "hash", updated_at=1) for n in range(images)])
    return made


def service(folder: Path, store: Store) -> Catalog:
    shop = make_shop(folder, products=0, search_window=WINDOW, max_limit=WINDOW)
    store.ensure(shop.encoder.info)
    store.write(rows())
    return assemble(
        encoder=shop.encoder, store=store, images=shop.images, rerank=shop.parts.rerank, settings=shop.settings
    )


@pytest.fixture
def pipelines(make_store: MakeStore, tmp_path: Path) -> tuple[SearchPipeline, SearchPipeline]:
    """Of the store at hand, and of the exact one."""
    return service(tmp_path / "one", make_store()).pipeline, service(tmp_path / "exact", ExactStore()).pipeline


def asked(**options: Any) -> SearchRequest:
    return SearchRequest(text="product 7", limit=WINDOW, **options)


REQUESTS = {
    "all facets": asked(facets=FACETS),
    "facets under a filter": asked(facets=FACETS, filter=SIZES),
    "facets under two conditions": asked(facets=FACETS, filter=CHEAP),
    "facets of the similar": asked(facets=FACETS, min_score=0.2),
    "by price": asked(sort=(SortKey("price", descending=True),), filter=CHEAP),
    "by two keys": asked(sort=(SortKey("size"), SortKey("added", descending=True))),
    "a style each": asked(group_by=GroupOptions("style", size=3), facets=FACETS),
    "the cheapest of each style": asked(group_by=GroupOptions("style"), sort=(SortKey("price"),), filter=SIZES),
    "one of what looks the same": asked(collapse=CollapseOptions(), group_by=GroupOptions("category")),
    "variety": asked(diversity=DiversityOptions(0.5), filter=CHEAP),
}


def told(answer: SearchResponse) -> dict[str, Any]:
    """An answer without its times, and with scores that every store can meet."""
    return {
        "order": [(one.product.id, one.rank, one.retrieval_rank) for one in answer.results],
        "behind": [[found.product_id for found in one.duplicates] for one in answer.results],
        "groups": [
            one.group and (one.group.value, one.group.count, [member.product.id for member in one.group.members])
            for one in answer.results
        ],
        "facets": answer.facets,
        "windows": (answer.sorted, answer.grouped),
    }


def test_every_store_gives_the_same_answers(pipelines: tuple[SearchPipeline, SearchPipeline]) -> None:
    pipeline, exact = pipelines
    for name, request in REQUESTS.items():
        assert told(pipeline.search(request)) == told(exact.search(request)), name
    facets = pipeline.search(REQUESTS["all facets"]).facets
    assert facets is not None and (facets.window, facets.complete) == (PRODUCTS, True)
    assert facets.counts == count_facets(products(), FACETS)
    under = pipeline.search(REQUESTS["facets under a filter"]).facets
    assert under is not None and under.counts == count_facets([p for p in products() if matches(SIZES, p)], FACETS)
    similar = pipeline.search(REQUESTS["facets of the similar"]).facets
    assert similar is not None and similar.window <= WINDOW
