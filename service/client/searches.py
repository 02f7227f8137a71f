"""Calls that only read: search, rerank, embeddings, images and health. All of them may be repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel

from service.client.call import Call, content, given, into
from service.client.images import AnyImage, Content, content_json, encoded, reference
from service.wire.compatible import DocumentsOut, EmbeddingsOut
from service.wire.feedback import FeedbackKind, FeedbackOut
from service.wire.search import SearchOut
from service.wire.search_batch import SearchBatchOut
from service.wire.search_options import SearchOptionsOut


class Health(BaseModel):
    """`status` is `ready`; the encoder in use, and the number of rows that can be searched."""

    status: str
    encoder: str | None = None
    rows: int | None = None


Role = Literal["query", "document"]
"""As what an input is embedded, by encoders that tell them apart."""

Switch = bool | Mapping[str, Any]
"""True or False, or an object of options, such as `{"strategy": "pointwise"}`."""


def search(
    text: str | None = None,
    *,
    instruction: str | None = None,
    image: AnyImage | None = None,
    images: Sequence[AnyImage] | None = None,
    filter: Mapping[str, Any] | BaseModel | None = None,
    limit: int | None = None,
    min_score: float | None = None,
    hybrid: Switch | None = None,
    weights: Mapping[str, float] | None = None,
    negative_text: str | None = None,
    negative_image: AnyImage | None = None,
    negative_weight: float | None = None,
    collapse: Switch | None = None,
    group_by: str | Mapping[str, Any] | None = None,
    diversity: float | Mapping[str, float] | None = None,
    facets: Sequence[str | Mapping[str, Any]] | None = None,
    sort: Sequence[Mapping[str, str]] | None = None,
    apply_rules: bool | None = None,
    understand: bool | None = None,
    cursor: str | None = None,
    session: str | None = None,
    rerank: Switch | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Call[SearchOut]:
    """Products for a text, one or several images, or both; omitted fields use the settings of the service.

    `extra`: fields that this client does not know, since the service is newer; they are sent as they are.
    Raises ValueError for an invalid image, and OSError for a file that cannot be read.
    """
    body = given(
        text=text,
        instruction=instruction,
        images=None if images is None else [reference(one) for one in images],
        filter=_json(filter) if isinstance(filter, BaseModel) else filter,
        limit=limit,
        min_score=min_score,
        hybrid=_options(hybrid, "enabled"),
        weights=weights,
        negative_text=negative_text,
        negative_image=None if negative_image is None else reference(negative_image),
        negative_weight=negative_weight,
        collapse=_options(collapse, "near_duplicates"),
        group_by={"field": group_by} if isinstance(group_by, str) else group_by,
        diversity=diversity if diversity is None or isinstance(diversity, Mapping) else {"lambda": diversity},
        facets=facets,
        sort=sort,
        apply_rules=apply_rules,
        understand=understand,
        cursor=cursor,
        session=session,
        rerank=_options(rerank, "enabled"),
        **(extra or {}),
    )
    if image is None:
        return Call("POST", "/v1/search", into(SearchOut), options={"json": body})
    if isinstance(image, str | Mapping):
        return Call("POST", "/v1/search", into(SearchOut), options={"json": {**body, "image": reference(image)}})
    return Call("POST", "/v1/search", into(SearchOut), options={"files": _parts(body, encoded(image))})


def search_batch(queries: Sequence[Mapping[str, Any]]) -> Call[SearchBatchOut]:
    """Several searches at once, each a mapping with the arguments of `search`. Raises as `search`, and TypeError."""
    body = {"searches": [_json_body(**query) for query in queries]}
    return Call("POST", "/v1/search/batch", into(SearchBatchOut), options={"json": body})


def _json_body(*, image: AnyImage | None = None, **query: Any) -> Any:
    """The body of a search as JSON, with its image inside."""
    return search(image=None if image is None else reference(image), **query).options["json"]


def _options(switch: Switch | None, name: str) -> Mapping[str, Any] | None:
    """A switch as the service takes it: as the field of this name."""
    return {name: switch} if isinstance(switch, bool) else switch


def options() -> Call[SearchOptionsOut]:
    """The search options: strategies, prompts, defaults and limits."""
    return Call("GET", "/v1/search/options", into(SearchOptionsOut))


def rerank(
    query: Content,
    documents: Sequence[Content],
    *,
    top_n: int | None = None,
    return_documents: bool = False,
    model: str | None = None,
    strategy: str | None = None,
    prompt: str | None = None,
    instruction: str | None = None,
    deadline_ms: int | None = None,
) -> Call[DocumentsOut]:
    """Your own documents (texts, images), best first for a query; `meta.scores` says what their scores mean."""
    body = given(top_n=top_n, model=model, return_documents=return_documents)
    body |= given(strategy=strategy, prompt=prompt, instruction=instruction, deadline_ms=deadline_ms)
    body |= {"query": content_json(query), "documents": [content_json(document) for document in documents]}
    return Call("POST", "/v1/rerank", into(DocumentsOut), of_catalog=False, options={"json": body})


def embeddings(
    inputs: Content | Sequence[Content],
    *,
    model: str | None = None,
    role: Role | None = None,
    instruction: str | None = None,
    dimensions: int | None = None,
) -> Call[EmbeddingsOut]:
    """Embeddings of texts, images, or both as one; a list of inputs gives one embedding each, in order."""
    several: Sequence[Content] = inputs if isinstance(inputs, list | tuple) else [inputs]  # type: ignore[list-item]
    body = given(model=model, role=role, instruction=instruction, dimensions=dimensions)
    body |= {"input": [content_json(one) for one in several]}
    return Call("POST", "/v1/embeddings", into(EmbeddingsOut), of_catalog=False, options={"json": body})


def feedback(query_id: str, product_id: str, event: FeedbackKind, *, position: int | None = None) -> Call[FeedbackOut]:
    """What a user did with a product of an answer, whose `id` is `query_id`; `position`: its `rank` there.

    Raises NotFoundError if the service accepts no feedback.
    """
    body = given(query_id=query_id, product_id=product_id, event=event, position=position)
    return Call("POST", "/v1/feedback", into(FeedbackOut), options={"json": body})


def image(address: str, *, size: int | None = None) -> Call[bytes]:
    """An image of the catalog by its key or `image_url`; `size` (128, 256, 320, 512) asks for a thumbnail."""
    key = address.rpartition("/")[2]
    path = f"/v1/images/{quote(key, safe='')}"
    return Call("GET", path, content, options={"params": given(size=size)})


def ready() -> Call[Health]:
    """Whether the service can answer searches. Raises UnavailableError with the reason if not."""
    return Call("GET", "/readyz", into(Health), of_catalog=False)


def alive() -> Call[Health]:
    """Is the process alive? Touches no model and no store."""
    return Call("GET", "/healthz", into(Health), of_catalog=False)


def _parts(body: Mapping[str, Any], image: bytes) -> dict[str, tuple[str, bytes, str]]:
    query = json.dumps(body).encode()
    return {
        "image": ("image", image, "application/octet-stream"),
        "query": ("query.json", query, "application/json"),
    }


def _json(filter: BaseModel) -> dict[str, Any]:
    return filter.model_dump(mode="json", by_alias=True, exclude_unset=True)
