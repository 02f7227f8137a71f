"""Retrieval: limits, lexical search (BM25), understanding of texts, rules and negative text."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from service.search.hybrid_defaults import HybridDefaults
from service.settings.group import Group


class SearchSettings(Group):
    """Retrieval: limits, lexical search (BM25), understanding of texts, rules and negative text."""

    max_text_chars: int = Field(2000, ge=1, description="Longest accepted query text, in characters.")
    default_limit: int = Field(9, ge=1, description="Default limit of a search.")
    max_limit: int = Field(100, ge=1, le=1000, description="Largest limit of a search.")
    window: int = Field(
        200,
        alias="search_window",
        ge=1,
        le=5000,
        description="Best-matching products considered for sorting, groups, duplicates and pages; at least max_limit.",
    )
    facet_max_products: int = Field(
        10_000,
        ge=0,
        le=1_000_000,
        description="Most matching products listed to count facets; if more match, the search window is counted.",
    )
    hybrid_enabled: bool = Field(
        True, description="Add lexical search (BM25) to queries with text unless the request says otherwise."
    )
    hybrid_lexical_weight: float = Field(
        0.5, ge=0, le=1, description="Weight of the lexical score in a hybrid search; 0: vector similarity only."
    )
    lexical_fields: list[str] = Field(
        default=["title", "category", "brand", "sku"],
        min_length=1,
        description="Fields of lexical search: id, title, category, or names of attributes.",
    )
    lexical_field_weights: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        default={}, description="How much a word counts that only these fields have; in others, 1."
    )
    lexical_max_products: int = Field(
        1_000_000,
        ge=0,
        description="Maximum number of products in the lexical index; hybrid is off for larger catalogs.",
    )
    lexical_refresh_s: float = Field(
        300,
        ge=1,
        description="Longest delay before products written by other processes are in the lexical index, in seconds.",
    )
    understand_enabled: bool = Field(
        True,
        description="Read price bounds, negations and the catalog's values in texts unless the request says otherwise.",
    )
    understand_fields: list[str] = Field(
        default=["category", "color", "colour", "brand", "size"],
        description="Fields whose values are recognized in texts: category, or names of attributes.",
    )
    synonyms: Path | None = Field(
        None, description="YAML file of synonyms, from words to the catalog's words: `sneakers: [shoes]`."
    )
    rules: Path | None = Field(
        None, description="YAML file of merchandising rules (boost, bury, pin, exclude), read again when it changes."
    )
    query_adapter: Path | None = Field(
        None, description="Adapter of query embeddings that `withthis tune` has learned (safetensors)."
    )
    negative_weight: float = Field(
        0.5, gt=0, le=1, description="How far negative_text moves a query away, unless the request says otherwise."
    )

    @model_validator(mode="after")
    def _compare(self) -> Self:
        if self.default_limit > self.max_limit:
            raise ValueError("default_limit must not exceed max_limit")
        if unknown := self.lexical_field_weights.keys() - set(self.lexical_fields):
            raise ValueError(f"lexical_field_weights names {min(unknown)}, which is not among lexical_fields")
        return self

    def hybrid_defaults(self) -> HybridDefaults:
        """How words count where a request does not say."""
        return HybridDefaults(self.hybrid_enabled, self.hybrid_lexical_weight)
