"""The models alone, on the routes of other services; `dialects` parses what their clients send."""

from __future__ import annotations

from functools import partial

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide

from service.errors import InvalidValue
from service.search.document_ranking import DocumentRanking
from service.search.types import RerankOptions
from service.server.access.auth import OF_NO_CATALOG, SEARCH
from service.server.dialects import answers
from service.server.dialects.contents import placed
from service.server.dialects.requests import (
    DocumentsBody,
    EmbedBody,
    EmbeddingsBody,
    RootRerankBody,
    ScoreBody,
    TeiEmbedBody,
    TextsBody,
)
from service.server.openapi import protected, takes
from service.server.routes.model_access import ANY_MODEL, ModelAccess, check_model
from service.wire.compatible import (
    DocumentsOut,
    EmbeddingsOut,
    EmbedOut,
    ModelOut,
    ModelsOut,
    PairScoresOut,
    TeiRankedOut,
)

UNEVEN = "Give one query for all documents, or as many queries as documents."
NO_INPUTS = "Give texts, images or inputs."

_ERRORS = protected(
    (400, "the request is not valid"),
    (413, "the body or an image is too large"),
    (415, "not JSON, or an image format that is not accepted"),
    (422, "an image cannot be used"),
)
_ACCESS = {"models": Provide(ModelAccess.opened)}


class RerankController(Controller):
    """Reranking in the formats of Cohere, Jina, vLLM and TEI."""

    tags = ("models",)
    opt = SEARCH | OF_NO_CATALOG
    dependencies = _ACCESS

    @post(
        ["/v1/rerank", "/v2/rerank"],
        status_code=200,
        operation_class=takes({"application/json": DocumentsBody}),
        summary="Rank documents for a query",
        responses=_ERRORS,
    )
    async def rerank(self, models: NamedDependency[ModelAccess]) -> DocumentsOut:
        """Every document is ranked, in windows if one model call takes fewer; `top_n` shortens the answer.

        `meta.scores` says what the scores mean. If the model fails, the order is as given, and `meta.degraded` says
        why.
        """
        body = await models.body(DocumentsBody)
        return answers.ranked(body, await _ranked(models, body), models.engine, models.version)

    @post(
        "/rerank",
        status_code=200,
        operation_class=takes({"application/json": RootRerankBody}),
        summary="Rerank, for clients of vLLM, Infinity and TEI",
        responses=_ERRORS,
    )
    async def root_rerank(self, models: NamedDependency[ModelAccess]) -> DocumentsOut | list[TeiRankedOut]:
        """A body with `texts` is answered with a list, as TEI does."""
        body = (await models.body(RootRerankBody)).root
        if isinstance(body, TextsBody):
            documents = body.as_documents()
            return answers.tei_ranked(documents, await _ranked(models, documents, place="/texts"))
        return answers.ranked(body, await _ranked(models, body), models.engine, models.version)

    @post(
        ["/v1/score", "/score"],
        status_code=200,
        operation_class=takes({"application/json": ScoreBody}),
        summary="Score documents for a query, or pairs",
        responses=protected(
            (400, "the request is not valid, or the strategy cannot score pairs one by one"),
            (413, "the body or an image is too large"),
            (415, "not JSON, or an image format that is not accepted"),
            (422, "an image cannot be used"),
            (503, "the model gave no scores"),
        ),
    )
    async def score(self, models: NamedDependency[ModelAccess]) -> PairScoresOut:
        """The format of vLLM; scores are in the order of the documents, and `meta.scores` says what they mean."""
        body = await models.body(ScoreBody)
        check_model(body.model, models.engine)
        if len(body.queries) not in (1, len(body.documents)):
            raise InvalidValue(UNEVEN)
        queries = [query.instructed(body.instruction) for query in placed(body.queries, "/queries")]
        return answers.scored(await models.score(queries, placed(body.documents, "/documents")), models.engine)


class EmbeddingsController(Controller):
    """Embeddings in the formats of OpenAI, Cohere and TEI, and the list of models."""

    tags = ("models",)
    opt = SEARCH | OF_NO_CATALOG
    dependencies = _ACCESS

    @post(
        ["/v1/embeddings", "/embeddings"],
        status_code=200,
        operation_class=takes({"application/json": EmbeddingsBody}),
        summary="Embed texts and images",
        responses=_ERRORS,
    )
    async def embeddings(self, models: NamedDependency[ModelAccess]) -> Response[EmbeddingsOut]:
        """The format of OpenAI. A text and an image in one input make one embedding, as in a search.

        `usage` counts words: what a token is differs from encoder to encoder.
        """
        body = await models.body(EmbeddingsBody)
        check_model(body.model, models.encoder)
        write = partial(answers.embedded, body, model=models.encoder)
        return await models.embed(body.purposed(placed(body.input, "/input")), body.dimensions, write)

    @post(
        ["/v2/embed", "/v1/embed"],
        status_code=200,
        operation_class=takes({"application/json": EmbedBody}),
        summary="Embed, for clients of Cohere",
        responses=_ERRORS,
    )
    async def embed(self, models: NamedDependency[ModelAccess]) -> Response[EmbedOut]:
        """Texts come before images, and those before inputs, in which a text and an image make one embedding."""
        body = await models.body(EmbedBody)
        check_model(body.model, models.encoder)
        given = body.contents()
        if not given:
            raise InvalidValue(NO_INPUTS)
        write = partial(answers.embedded_by_type, body, version=models.version)
        return await models.embed(body.purposed(given), body.dimensions, write)

    @post(
        "/embed",
        status_code=200,
        operation_class=takes({"application/json": TeiEmbedBody}),
        summary="Embed, for clients of TEI",
        responses=_ERRORS,
    )
    async def tei_embed(self, models: NamedDependency[ModelAccess]) -> Response[list[list[float]]]:
        """Only the embeddings, in the order of the inputs."""
        body = await models.body(TeiEmbedBody)
        return await models.embed(body.purposed(placed(body.inputs, "/inputs")), body.dimensions, answers.tei_embedded)

    @get(["/v1/models", "/models"], summary="List the models in use", responses=protected(), sync_to_thread=False)
    def models(self, models: NamedDependency[ModelAccess]) -> ModelsOut:
        """The names that a request may give as `model`: the encoder's, the engine's, and `withthis` for either."""
        names = dict.fromkeys([models.encoder, models.engine, ANY_MODEL])
        return ModelsOut(data=[ModelOut(id=name, created=0) for name in names])


async def _ranked(models: ModelAccess, body: DocumentsBody, *, place: str = "/documents") -> DocumentRanking:
    check_model(body.model, models.engine)
    options = RerankOptions(strategy=body.strategy, prompt=body.prompt, deadline_ms=body.deadline_ms)
    query = body.query.at("/query").instructed(body.instruction)
    return await models.rank(query, placed(body.documents, place), options)
