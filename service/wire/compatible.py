"""The responses of the compatible routes, as clients of Cohere, Jina, vLLM, OpenAI and TEI read them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from service.wire.strict_model import StrictModel


class _Sparse(StrictModel):
    """Omits fields that are None: some clients treat a null as a broken answer."""

    @model_serializer(mode="wrap")
    def _given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


class RankedOut(_Sparse):
    """One document: its position in the request, and its score; higher is better. `document` if requested."""

    index: int
    relevance_score: float
    document: dict[str, Any] | None = None


class UsageOut(StrictModel):
    """What the model read, and the total with what it wrote, in tokens; for embeddings, in words."""

    prompt_tokens: int
    total_tokens: int


class ApiVersionOut(StrictModel):
    """The version of the route, as Cohere's clients read it."""

    version: str


class BilledUnitsOut(_Sparse):
    """What Cohere would count. Nothing is billed here."""

    search_units: int | None = None
    input_tokens: int | None = None
    images: int | None = None


class RerankMetaOut(StrictModel):
    """Where the order comes from, and what `relevance_score` means.

    `scores`: `absolute` scores depend on the document and the query alone, and can be compared between calls with the
    same query; `relative` ones depend on the other documents of the call; `rank` only reflects the position,
    (n - position) / n. `repaired`: documents that the model did not rank. `truncated`: documents of which it read
    only the beginning.
    """

    scores: Literal["absolute", "relative", "rank"]
    strategy: str | None
    prompt: str | None
    fault: str | None
    repaired: list[int]
    degraded: str | None
    truncated: list[int] = Field(default_factory=list)
    query_truncated: bool = False
    api_version: ApiVersionOut | None = None
    billed_units: BilledUnitsOut | None = None


class DocumentsOut(StrictModel):
    """The documents, best first."""

    id: str
    model: str
    results: list[RankedOut]
    usage: UsageOut
    meta: RerankMetaOut


class TeiRankedOut(_Sparse):
    """One document as Text Embeddings Inference (TEI) answers it; best first."""

    index: int
    score: float
    text: str | None = None


class ScoreItemOut(StrictModel):
    """How well one document fits its query, in the order of the request."""

    index: int
    object: Literal["score"] = "score"
    score: float


class PairScoresOut(StrictModel):
    """The scores; `meta` says of which kind."""

    id: str
    object: Literal["list"] = "list"
    created: int
    model: str
    data: list[ScoreItemOut]
    usage: UsageOut
    meta: RerankMetaOut


class EmbeddingOut(StrictModel):
    """One embedding, L2-normalized."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsOut(StrictModel):
    """The embeddings in the order of the inputs. `truncated`: the inputs whose text was truncated."""

    object: Literal["list"] = "list"
    data: list[EmbeddingOut]
    model: str
    usage: UsageOut
    truncated: list[int]


class EmbedMetaOut(StrictModel):
    """As Cohere's clients read it. `truncated`: the inputs whose text was truncated."""

    api_version: ApiVersionOut
    billed_units: BilledUnitsOut
    truncated: list[int]


class EmbedOut(StrictModel):
    """Embeddings as Cohere returns them: by type, texts before images."""

    id: str
    response_type: Literal["embeddings_by_type", "embeddings_floats"]
    embeddings: dict[str, list[list[float]] | list[str]] | list[list[float]]
    texts: list[str]
    meta: EmbedMetaOut


class ModelOut(StrictModel):
    """A model in use."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "withthis"


class ModelsOut(StrictModel):
    """The models that requests may name; `withthis` stands for either."""

    object: Literal["list"] = "list"
    data: list[ModelOut]
