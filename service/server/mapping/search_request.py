"""A search request: from JSON to the pipeline's types."""

from __future__ import annotations

from service.errors import InvalidValue
from service.images.sources import UploadedImage
from service.product import normal_text
from service.search.hybrid import hybrid_options
from service.search.hybrid_defaults import HybridDefaults
from service.search.retrieval_types import (
    CollapseOptions,
    DiversityOptions,
    FacetOptions,
    GroupOptions,
    HybridOptions,
    QueryWeights,
    SortKey,
)
from service.search.types import ImageSource, Negative, RerankOptions, SearchRequest
from service.server.defaults import RequestDefaults
from service.server.mapping.query_images import one_image, several_images, to_source
from service.wire.retrieval import CollapseBody, FacetBody, HybridBody, WeightsBody
from service.wire.search import RerankBody, SearchBody

REQUIRE_NEEDS_RERANK = "rerank.require is true but rerank.enabled is false. Change one of them."


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


def to_request(body: SearchBody, upload: UploadedImage | None, defaults: RequestDefaults) -> SearchRequest:
    """The pipeline's request, with the settings as defaults; `upload`: the image of a form.

    Raises InvalidInput for fields that exclude each other.
    """
    if body.rerank.require and body.rerank.enabled is False:
        raise InvalidValue(REQUIRE_NEEDS_RERANK)
    return SearchRequest(
        text=body.text,
        instruction=body.instruction,
        images=several_images(body, upload),
        image=one_image(body, upload),
        filter=body.filter,
        limit=defaults.limit if body.limit is None else body.limit,
        min_score=body.min_score,
        rerank=to_options(body.rerank, enabled_by_default=defaults.reranked or body.rerank.require),
        hybrid=to_hybrid(body.hybrid, defaults.hybrid, body.text),
        weights=to_weights(body.weights),
        negative=to_negative(
            body.negative_text,
            body.negative_weight or defaults.negative_weight,
            None if body.negative_image is None else to_source(body.negative_image, "negative_image"),
        ),
        collapse=to_collapse(body.collapse),
        group_by=GroupOptions(body.group_by.field, body.group_by.size) if body.group_by else None,
        diversity=DiversityOptions(body.diversity.lambda_) if body.diversity else None,
        facets=tuple(to_facet(facet) for facet in body.facets),
        sort=tuple(SortKey(key.field, key.order == "desc") for key in body.sort),
        understand=defaults.understood if body.understand is None else body.understand,
        apply_rules=body.apply_rules,
        cursor=body.cursor,
        session=body.session,
    )


def to_hybrid(body: HybridBody | None, defaults: HybridDefaults, text: str | None) -> HybridOptions | None:
    """The hybrid options of a search, or None."""
    if body is None:
        return hybrid_options(defaults, text)
    return hybrid_options(defaults, text, enabled=body.enabled is not False, lexical_weight=body.lexical_weight)


def to_weights(body: WeightsBody | None) -> QueryWeights | None:
    """The weights of text and image."""
    return None if body is None else QueryWeights(body.text, body.image)


def to_negative(text: str | None, weight: float, image: ImageSource | None = None) -> Negative | None:
    """What the products should not be; a blank text counts as none."""
    text = normal_text(text or "").strip() or None
    return Negative(text, weight, image) if text or image else None


def to_facet(body: str | FacetBody) -> FacetOptions:
    """What is counted."""
    if isinstance(body, str):
        return FacetOptions(body)
    return FacetOptions(body.field, tuple(body.ranges) if isinstance(body.ranges, list) else body.ranges)


def to_collapse(body: CollapseBody | None) -> CollapseOptions | None:
    """How near-duplicates are detected."""
    return CollapseOptions(body.threshold) if body is not None and body.near_duplicates else None
