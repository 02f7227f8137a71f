"""Calls that only read: search, rerank, embeddings, images and health. All of them may be repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack
from urllib.parse import quote

from pydantic import BaseModel

from service.client.call import Call, content, given, into
from service.client.images import AnyImage, Content, content_json, encoded, reference
from service.wire.compatible import DocumentsOut, EmbeddingsOut
from service.wire.feedback import FeedbackKind, FeedbackOut
from service.wire.search import SearchOut
from service.wire.search_options import SearchOptionsOut


class Health(BaseModel):
    """`status` is `ready`; the encoder in use, and the number of rows that can be searched."""

    status: str
    encoder: str | None = None
    rows: int | None = None


class SearchFields(TypedDict, total=False):
    """What a search may say besides its text: the fields of the HTTP interface.

    `rerank`, `hybrid` and `collapse` may be True or False instead of an object such as `{"strategy": "pointwise"}`.
    """

    image: AnyImage | None
    filter: Mapping[str, Any] | BaseModel | None
    limit: int | None
    min_score: float | None
    hybrid: bool | Mapping[str, Any] | None
    weights: Mapping[str, float] | None
    negative_text: str | None
    negative_weight: float | None
    collapse: bool | Mapping[str, Any] | None
    facets: Sequence[str] | None
    understand: bool | None
    cursor: str | None
    rerank: bool | Mapping[str, Any] | None


_SWITCHES = {"hybrid": "enabled", "collapse": "near_duplicates", "rerank": "enabled"}
"""Objects that a bool may stand for, and the field that it then is."""


def search(text: str | None = None, **fields: Unpack[SearchFields]) -> Call[SearchOut]:
    """Products for a text, an image, or both; omitted fields use the settings of the service.

    Fields that this client does not know are sent as they are: a newer service may have them.

    Raises ValueError for an invalid image, and OSError for a file that cannot be read.
    """
    image = fields.get("image")
    body = given(text=text, **{name: _field(name, value) for name, value in fields.items() if name != "image"})
    if image is None:
        return Call("POST", "/v1/search", into(SearchOut), options={"json": body})
    if isinstance(image, str | Mapping):
        return Call("POST", "/v1/search", into(SearchOut), options={"json": {**body, "image": reference(image)}})
    return Call("POST", "/v1/search", into(SearchOut), options={"files": _parts(body, encoded(image))})


def _field(name: str, value: object) -> object:
    """A field as the service takes it."""
    if isinstance(value, bool) and name in _SWITCHES:
        return {_SWITCHES[name]: value}
    return _json(value) if isinstance(value, BaseModel) else value


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
    deadline_ms: int | None = None,
) -> Call[DocumentsOut]:
    """Your own documents (texts, images), best first for a query; `meta.scores` says what their scores mean."""
    body = given(top_n=top_n, model=model, return_documents=return_documents)
    body |= given(strategy=strategy, prompt=prompt, deadline_ms=deadline_ms)
    body |= {"query": content_json(query), "documents": [content_json(document) for document in documents]}
    return Call("POST", "/v1/rerank", into(DocumentsOut), options={"json": body})


def embeddings(inputs: Content | Sequence[Content], *, model: str | None = None) -> Call[EmbeddingsOut]:
    """Embeddings of texts, images, or both as one; a list of inputs gives one embedding each, in order."""
    several: Sequence[Content] = inputs if isinstance(inputs, list | tuple) else [inputs]  # type: ignore[list-item]
    body = given(model=model) | {"input": [content_json(one) for one in several]}
    return Call("POST", "/v1/embeddings", into(EmbeddingsOut), options={"json": body})


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
    return Call("GET", "/readyz", into(Health))


def alive() -> Call[Health]:
    """Is the process alive? Touches no model and no store."""
    return Call("GET", "/healthz", into(Health))


def _parts(body: Mapping[str, Any], image: bytes) -> dict[str, tuple[str, bytes, str]]:
    query = json.dumps(body).encode()
    return {
        "image": ("image", image, "application/octet-stream"),
        "query": ("query.json", query, "application/json"),
    }


def _json(filter: BaseModel) -> dict[str, Any]:
    return filter.model_dump(mode="json", by_alias=True, exclude_unset=True)
