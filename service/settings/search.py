"""Retrieval: limits, words (BM25) and negative text."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from service.settings.group import Group


class SearchSettings(Group):
    """Retrieval: limits, words (BM25) and negative text."""

    max_text_chars: int = Field(2000, ge=1, description="Longest accepted query text, in characters.")
    default_limit: int = Field(9, ge=1, description="Results of a search that names no limit.")
    max_limit: int = Field(100, ge=1, le=1000, description="Largest limit of a search.")
    window: int = Field(
        200,
        alias="search_window",
        ge=1,
        le=5000,
        description="Best products that facets, duplicates and pages are about; at least max_limit.",
    )
    hybrid_enabled: bool = Field(
        True, description="Search products by their words (BM25), too, for queries that have words and do not say."
    )
    hybrid_lexical_weight: float = Field(
        0.5, ge=0, le=1, description="Share of the words in the order of a hybrid search; 0: similarity alone."
    )
    lexical_fields: list[str] = Field(
        default=["title", "category", "brand", "sku"],
        min_length=1,
        description="Fields whose words are searched: id, title, category, or names of attributes.",
    )
    lexical_max_products: int = Field(
        1_000_000, ge=0, description="Most products whose words are held in memory; for larger catalogs hybrid is off."
    )
    lexical_refresh_s: float = Field(
        300,
        ge=1,
        description="How old the words written by other processes may be, in seconds, where a server is shared.",
    )
    understand_enabled: bool = Field(
        True, description="Read price bounds, negations and the catalog's values in sentences unless a request says no."
    )
    understand_fields: list[str] = Field(
        default=["category", "color", "colour", "brand", "size"],
        description="Fields whose values are looked for in sentences: category, or names of attributes.",
    )
    synonyms: Path | None = Field(
        None, description="YAML file of words and the catalog's words that they stand for: `sneakers: [shoes]`."
    )
    negative_weight: float = Field(
        0.5, gt=0, le=1, description="How far negative_text moves a query away, unless the request says."
    )

    @model_validator(mode="after")
    def _compare(self) -> Self:
        if self.default_limit > self.max_limit:
            raise ValueError("default_limit must not exceed max_limit")
        return self
