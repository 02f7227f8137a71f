"""A search request: from JSON to the pipeline's types."""

from __future__ import annotations

from service.images.sources import InlineImage, UrlImage
from service.product import normal_text
from service.search.hybrid import hybrid_options
from service.search.hybrid_defaults import HybridDefaults
from service.search.retrieval_types import (
    CollapseOptions,
    HybridOptions,
    Negative,
    QueryWeights,
    SortKey,
)
from service.search.types import ImageSource, ProductImage, RerankOptions, SearchRequest
from service.server.defaults import RequestDefaults
from service.wire.retrieval import CollapseBody, HybridBody, WeightsBody
from service.wire.search import ImageBody, RerankBody, SearchBody


def to_options(body: RerankBody, *, enabled_by_default: bool) -> RerankOptions:
    """The pipeline's options from the `rerank` object."""
    return RerankOptions(
        enabled=enabled_by_default if body.enabled is None else body.enabled,
        strategy=body.strategy,
        prompt=body.prompt,
        candidates=body.candidates,
        fusion_weight=body.fusion_weight,
        fusion_method=body.fusion_method,
        require=body.require,
        deadline_ms=body.deadline_ms,
        refine=body.refine,
        explain=body.explain,
        min_score=body.min_score,
        below=body.below,
    )


def to_request(body: SearchBody, image: ImageSource | None, defaults: RequestDefaults) -> SearchRequest:
    """The pipeline's request, with the settings as defaults; `image` was found by `image_source` or
    uploaded as a part.
    """
    return SearchRequest(
        text=body.text,
        instruction=body.instruction,
        image=image,
        filter=body.filter,
        limit=defaults.limit if body.limit is None else body.limit,
        min_score=body.min_score,
        rerank=to_options(body.rerank, enabled_by_default=defaults.reranked or body.rerank.require),
        hybrid=to_hybrid(body.hybrid, defaults.hybrid, body.text),
        weights=to_weights(body.weights),
        negative=to_negative(body.negative_text, body.negative_weight or defaults.negative_weight),
        collapse=to_collapse(body.collapse),
        facets=tuple(body.facets),
        sort=tuple(SortKey(key.field, key.order == "desc") for key in body.sort),
        understand=defaults.understood if body.understand is None else body.understand,
        apply_rules=body.apply_rules,
        cursor=body.cursor,
        session=body.session,
    )


def image_source(image: ImageBody) -> ImageSource | None:
    """The image that `image` names, or None."""
    if image.data is not None:
        return InlineImage(image.data)
    if image.url is not None:
        return UrlImage(image.url)
    if image.product_id is not None:
        return ProductImage(image.product_id)
    return None


def to_hybrid(body: HybridBody | None, defaults: HybridDefaults, text: str | None) -> HybridOptions | None:
    """The hybrid options of a search, or None."""
    if body is None:
        return hybrid_options(defaults, text)
    return hybrid_options(defaults, text, enabled=body.enabled is not False, lexical_weight=body.lexical_weight)


def to_weights(body: WeightsBody | None) -> QueryWeights | None:
    """The weights of text and image."""
    return None if body is None else QueryWeights(body.text, body.image)


def to_negative(text: str | None, weight: float) -> Negative | None:
    """What the products should not be; a blank text counts as none."""
    text = normal_text(text or "").strip()
    return Negative(text, weight) if text else None


def to_collapse(body: CollapseBody | None) -> CollapseOptions | None:
    """How near-duplicates are detected."""
    return CollapseOptions(body.threshold) if body is not None and body.near_duplicates else None
