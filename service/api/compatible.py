"""`POST /v1/rerank` and `POST /v1/embeddings`: the models alone, for clients made for other services."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

from litestar import Controller, Request, post
from litestar.di import NamedDependency

from service.api.auth import SEARCH
from service.api.body import read_json
from service.api.bulkheads import Bulkheads
from service.api.connection import while_connected
from service.api.content_schemas import (
    ContentIn,
    DocumentsBody,
    DocumentsOut,
    EmbeddingOut,
    EmbeddingsBody,
    EmbeddingsOut,
    RankedOut,
    RerankMetaOut,
    UsageOut,
    document_out,
    to_content,
)
from service.api.openapi import protected, takes
from service.contents import Content, ContentOpener
from service.document_ranking import DocumentRanking, rank_documents
from service.encoders.base import Embeddings, EncoderQuery
from service.errors import InvalidValue
from service.metrics import Metrics
from service.parts import Parts
from service.settings import Settings

ENCODE_BATCH = 16
ANY_MODEL = "withthis"
"""Accepted as the name of whichever model is in use, for clients that have to send one."""

_ERRORS = protected(
    (400, "the request cannot be understood"),
    (408, "the body came too slowly"),
    (413, "the body or a picture is too large"),
    (415, "no JSON, or a picture format that is not accepted"),
    (422, "a picture cannot be used"),
)


class CompatibleController(Controller):
    """Reranking and embeddings in the shapes that clients know."""

    tags = ("models",)
    opt = SEARCH

    @post(
        ["/v1/rerank", "/v2/rerank"],
        status_code=200,
        operation_class=takes({"application/json": DocumentsBody}),
        summary="Rank documents for a query",
        responses=_ERRORS,
    )
    async def rerank(
        self,
        request: Request[Any, Any, Any],
        parts: NamedDependency[Parts],
        settings: NamedDependency[Settings],
        bulkheads: NamedDependency[Bulkheads],
        metrics: NamedDependency[Metrics],
    ) -> DocumentsOut:
        """The shape of Cohere, Jina and vLLM. Every document is ranked; `top_n` shortens the answer.

        Scores are the model's own where its strategy gives them; otherwise (n - place) / n, and `meta.scores` is
        `rank`. If the model fails, the order is as given, and `meta.degraded` says why.
        """
        body = await read_json(request, DocumentsBody, settings.max_body_bytes)
        _check_model(body.model, parts.rerank.engine)
        query = to_content(body.query, "/query")
        documents = [to_content(document, f"/documents/{place}") for place, document in enumerate(body.documents)]
        _check_texts([query, *documents], settings.max_text_chars)
        max_pixels = settings.max_request_pixels
        async with while_connected(request.receive):
            found = await bulkheads.documents.run(
                partial(rank_documents, parts.rerank, parts.pictures, query, documents, max_pixels=max_pixels)
            )
        metrics.reranked(found.report.fault, found.report.degraded)
        return _ranked(body, found, parts.rerank.engine)

    @post(
        "/v1/embeddings",
        status_code=200,
        operation_class=takes({"application/json": EmbeddingsBody}),
        summary="Vectors of texts and pictures",
        responses=_ERRORS,
    )
    async def embeddings(
        self,
        request: Request[Any, Any, Any],
        parts: NamedDependency[Parts],
        settings: NamedDependency[Settings],
        bulkheads: NamedDependency[Bulkheads],
    ) -> EmbeddingsOut:
        """The shape of OpenAI. A text and a picture in one input make one vector, as in a search.

        `usage` counts words: what a token is differs from encoder to encoder.
        """
        body = await read_json(request, EmbeddingsBody, settings.max_body_bytes)
        info = parts.encoder.info
        _check_model(body.model, info.id)
        if body.dimensions not in (None, info.dimension):
            raise InvalidValue(f"Vectors of this encoder have {info.dimension} dimensions. Leave dimensions out.")
        several: Sequence[ContentIn] = body.input if isinstance(body.input, list) else [body.input]
        contents = [to_content(given, f"/input/{place}") for place, given in enumerate(several)]
        _check_texts(contents, settings.max_text_chars)
        async with while_connected(request.receive):
            batches = await bulkheads.embeddings.run(lambda: _embed(parts, contents, settings.max_request_pixels))
        return _embedded(body, contents, batches, info.id)


def _check_model(given: str | None, in_use: str) -> None:
    if given not in (None, in_use, ANY_MODEL):
        raise InvalidValue(f"The model in use is {in_use}. Name it or {ANY_MODEL}, or leave model out.")


def _check_texts(contents: Sequence[Content], limit: int) -> None:
    detail = f"A text has at most {limit} characters."
    wrong = [content.pointer for content in contents if len(content.text or "") > limit]
    if wrong:
        raise InvalidValue(detail, errors=[{"pointer": pointer, "detail": detail} for pointer in wrong[:20]])


def _ranked(body: DocumentsBody, found: DocumentRanking, engine: str) -> DocumentsOut:
    report = found.report
    results = [
        RankedOut(
            index=index,
            relevance_score=score,
            document=document_out(body.documents[index]) if body.return_documents else None,
        )
        for index, score in zip(found.order, found.scores, strict=True)
    ]
    return DocumentsOut(
        id=uuid.uuid4().hex,
        model=report.engine or engine,
        results=results[: body.top_n],
        usage=UsageOut(prompt_tokens=found.prompt_tokens, total_tokens=found.prompt_tokens + found.generated_tokens),
        meta=RerankMetaOut(
            scores="model" if found.own_scores else "rank",
            strategy=report.strategy,
            prompt=report.prompt,
            fault=report.fault,
            repaired=[int(id) for id in report.repaired],
            degraded=report.degraded,
        ),
    )


def _embed(parts: Parts, contents: Sequence[Content], max_pixels: int) -> list[Embeddings]:
    """Decode and encode a few at a time, so that neither memory nor searches suffer from a long list, and that a list
    nobody waits for any more ends.
    """
    found, opener = [], ContentOpener(parts.pictures, max_pixels=max_pixels, contents=contents)
    for start in range(0, len(contents), ENCODE_BATCH):
        opened = opener.open(contents[start : start + ENCODE_BATCH])
        queries = [EncoderQuery(content.text, content.image.image if content.image else None) for content in opened]
        found.append(parts.encoder.encode(queries))
    return found


def _embedded(
    body: EmbeddingsBody, contents: Sequence[Content], batches: Sequence[Embeddings], model: str
) -> EmbeddingsOut:
    vectors = [vector for batch in batches for vector in batch.vectors]
    truncated = [bool(cut) for batch in batches for cut in batch.truncated]
    words = sum(len((content.text or "").split()) for content in contents)
    as_text = body.encoding_format == "base64"
    return EmbeddingsOut(
        data=[
            EmbeddingOut(
                index=place,
                embedding=base64.b64encode(vector.astype("<f4").tobytes()).decode() if as_text else vector.tolist(),
            )
            for place, vector in enumerate(vectors)
        ],
        model=model,
        usage=UsageOut(prompt_tokens=words, total_tokens=words),
        truncated=[place for place, cut in enumerate(truncated) if cut],
    )
