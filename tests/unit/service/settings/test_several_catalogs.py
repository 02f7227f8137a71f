"""What each catalog of several has for its own, and what would let two of them share something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.errors import ConfigurationError
from service.server.access.api_keys import hash_key
from service.settings import load_settings


def key(*catalogs: str) -> dict[str, Any]:
    return {"name": "shop", "sha256": hash_key("wt_shop"), "catalogs": list(catalogs)}


def test_names_alone_give_each_a_store_images_and_a_log_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHTHIS_CATALOGS", '["shoes", "bags-v2"]')
    settings = load_settings(data_dir="data", rules="rules.yaml", synonyms="synonyms.yaml", search_log="log")
    assert settings.catalog_names == ("default", "shoes", "bags-v2")
    default, shoes, bags = (settings.of_catalog(name) for name in settings.catalog_names)
    assert default.store.collection == "products" and default.images_location == str(Path("data/images"))
    assert (shoes.store.collection, bags.store.collection) == ("shoes_products", "bags_v2_products")
    assert {one.store_uri for one in (default, shoes, bags)} == {str(Path("data/milvus.db"))}
    assert Path(shoes.images_location) == Path("data/images/catalogs/shoes")
    assert shoes.online.search_log == Path("log/catalogs/shoes")
    assert default.search.rules == Path("rules.yaml")
    assert (shoes.search.rules, shoes.search.synonyms) == (None, None)
    assert shoes.catalog_names == ("default",), "the settings of a service that has it alone"


def test_files_of_exact_search_are_kept_apart() -> None:
    settings = load_settings(store_uri="exact:data/products.jsonl", catalogs=["shoes"])
    assert settings.of_catalog("shoes").store_uri == "exact:data/catalogs/shoes/products.jsonl"
    assert load_settings(store_uri="exact:", catalogs=["shoes"]).of_catalog("shoes").store_uri == "exact:"


def test_an_entry_says_what_is_otherwise_derived() -> None:
    entry = {
        "name": "books",
        "collection": "library",
        "images_url": "s3://bucket/books",
        "rules": "books.yaml",
        "synonyms": "words.yaml",
        "search_log": "books-log",
        "lexical_fields": ["title", "author"],
        "lexical_field_weights": {"author": 0.5},
        "understand_fields": ["author"],
        "document": ["title", "author"],
    }
    books = load_settings(catalogs=[entry], lexical_fields=["title"]).of_catalog("books")
    assert (books.store.collection, books.images_location) == ("library", "s3://bucket/books")
    assert (books.search.rules, books.search.synonyms) == (Path("books.yaml"), Path("words.yaml"))
    assert books.online.search_log == Path("books-log")
    assert (books.search.lexical_fields, books.search.understand_fields) == (["title", "author"], ["author"])
    assert books.search.lexical_field_weights == {"author": 0.5}
    assert books.catalog.document == ["title", "author"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"catalogs": ["shoes", "shoes"]}, "each catalog needs its own name"),
        ({"catalogs": ["default"]}, "each catalog needs its own name"),
        ({"catalogs": ["Shoes"]}, "WITHTHIS_CATALOGS"),
        ({"catalogs": ["a/b"]}, "WITHTHIS_CATALOGS"),
        ({"catalogs": [{"name": "shoes", "colour": "red"}]}, "WITHTHIS_CATALOGS"),
        ({"catalogs": [{"name": "shoes", "collection": "products"}]}, "collection of its own"),
        ({"rules": "a.yaml", "catalogs": [{"name": "shoes", "rules": "./a.yaml"}]}, "rules of its own"),
        ({"search_log": "log", "catalogs": [{"name": "shoes", "search_log": "log"}]}, "search_log of its own"),
        ({"catalogs": [{"name": "shoes", "collection": "products_v3"}]}, "collection of its own"),
        ({"images_url": "pool", "catalogs": [{"name": "shoes", "images_url": "pool/"}]}, "images_url of its own"),
        ({"api_keys": [key("shoes")]}, "shop is bound to shoes"),
        ({"api_keys": [key()]}, "WITHTHIS_API_KEYS"),
    ],
)
def test_what_would_be_shared_or_is_not_there_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_settings(**values)


def test_a_catalog_that_no_setting_names_is_refused() -> None:
    assert load_settings(catalogs=["shoes"], api_keys=[key("shoes", "default")]).of_catalog("default")
    with pytest.raises(ConfigurationError, match="It can be: default, shoes"):
        load_settings(catalogs=["shoes"]).of_catalog("hats")
