"""The models' results, in the formats that clients of the compatible routes read."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from service.search.content_embedding import ContentVectors
from service.search.document_ranking import DocumentRanking
from service.server.dialects.contents import GivenContent
from service.server.dialects.requests import DocumentsBody, EmbedBody, EmbeddingsBody
from service.server.dialects.vector_json import json_list, with_lists
from service.stores.store import Vector
from service.wire.compatible import (
    ApiVersionOut,
    BilledUnitsOut,
    DocumentsOut,
    EmbeddingOut,
    EmbeddingsOut,
    EmbedMetaOut,
    EmbedOut,
    PairScoresOut,
    RankedOut,
    RerankMetaOut,
    ScoreItemOut,
    TeiRankedOut,
    UsageOut,
)

SEARCH_UNIT = 100
"""Documents that Cohere counts as one search."""


def ranked(body: DocumentsBody, found: DocumentRanking, engine: str, version: str) -> DocumentsOut:
    """The format of Cohere, Jina and vLLM."""
    documents = body.documents if body.return_documents else None
    results = [
        RankedOut(index=index, relevance_score=score, document=document_out(documents[index]) if documents else None)
        for index, score in zip(found.order, found.scores, strict=True)
    ]
    return DocumentsOut(
        id=uuid.uuid4().hex,
        model=found.report.engine or engine,
        results=results[: body.top_n or None],
        usage=_usage([found]),
        meta=_rerank_meta(found, version),
    )


def tei_ranked(body: DocumentsBody, found: DocumentRanking) -> list[TeiRankedOut]:
    """The format of TEI."""
    texts = [document.query.text or "" for document in body.documents] if body.return_documents else None
    return [
        TeiRankedOut(index=index, score=score, text=texts[index] if texts else None)
        for index, score in zip(found.order, found.scores, strict=True)
    ]


def scored(rankings: Sequence[DocumentRanking], engine: str) -> PairScoresOut:
    """The format of vLLM: scores in the order of the request, of one ranking or of many of one document each."""
    scores: list[float] = []
    for found in rankings:
        by_position = dict(zip(found.order, found.scores, strict=True))
        scores += [by_position[position] for position in range(len(by_position))]
    return PairScoresOut(
        id=uuid.uuid4().hex,
        created=int(time.time()),
        model=rankings[0].report.engine or engine,
        data=[ScoreItemOut(index=index, score=score) for index, score in enumerate(scores)],
        usage=_usage(rankings),
        meta=_rerank_meta(_least_certain(rankings), "1"),
    )


def document_out(given: GivenContent) -> dict[str, Any]:
    """A document as the answer repeats it: always with a text, and the form it was sent in."""
    text, form = given.query.text or "", given.form
    if isinstance(form, dict) and "content" not in form and "type" not in form:
        return {"text": text, **form}
    parts = form.get("content", [form]) if isinstance(form, dict) else form
    return {"text": text, "multi_modal": parts} if isinstance(parts, list) else {"text": text}


def embedded(body: EmbeddingsBody, found: ContentVectors, model: str) -> bytes:
    """The shape of OpenAI, `EmbeddingsOut` as JSON."""
    answer = EmbeddingsOut(
        data=[],
        model=model,
        usage=UsageOut(prompt_tokens=found.words, total_tokens=found.words),
        truncated=list(found.cut),
    )
    vectors = enumerate(written(found.vectors, body.encoding_format))
    data = (EmbeddingOut(index=index, embedding=vector) for index, vector in vectors)
    return with_lists(answer, {"data": data})


def embedded_by_type(body: EmbedBody, found: ContentVectors, version: str) -> bytes:
    """The shape of Cohere, `EmbedOut` as JSON; its first version answers plain lists where no type is named."""
    plain = version == "1" and not body.embedding_types
    types = list(dict.fromkeys(body.embedding_types or ["float"]))
    answer = EmbedOut(
        id=uuid.uuid4().hex,
        response_type="embeddings_floats" if plain else "embeddings_by_type",
        embeddings=[] if plain else {kind: [] for kind in types},
        texts=[given.query.text or "" for given in body.texts],
        meta=EmbedMetaOut(
            api_version=ApiVersionOut(version=version),
            billed_units=BilledUnitsOut(input_tokens=found.words, images=found.images or None),
            truncated=list(found.cut),
        ),
    )
    names = {"embeddings": "float"} if plain else {kind: kind for kind in types}
    return with_lists(answer, {name: written(found.vectors, kind) for name, kind in names.items()})


def tei_embedded(found: ContentVectors) -> bytes:
    """The shape of TEI: the vectors alone."""
    return json_list(written(found.vectors, "float"))


def written(vectors: Vector, form: str) -> Iterator[list[float] | str]:
    """Each vector as numbers, or as base64 of float32, little-endian."""
    for vector in vectors:
        yield vector.tolist() if form == "float" else base64.b64encode(vector.astype("<f4").tobytes()).decode()


def _usage(rankings: Sequence[DocumentRanking]) -> UsageOut:
    read = sum(found.prompt_tokens for found in rankings)
    return UsageOut(prompt_tokens=read, total_tokens=read + sum(found.generated_tokens for found in rankings))


def _least_certain(rankings: Sequence[DocumentRanking]) -> DocumentRanking:
    """The one whose report must not be skipped: one that failed, or one without the model's own scores."""
    return next((one for one in rankings if one.report.degraded or one.scale == "rank"), rankings[0])


def _rerank_meta(found: DocumentRanking, version: str) -> RerankMetaOut:
    report = found.report
    return RerankMetaOut(
        scores=found.scale,
        strategy=report.strategy,
        prompt=report.prompt,
        fault=report.fault,
        repaired=[int(id) for id in report.repaired],
        degraded=report.degraded,
        truncated=list(found.cut),
        query_truncated=found.query_cut,
        api_version=ApiVersionOut(version=version),
        billed_units=BilledUnitsOut(search_units=-(-len(found.order) // SEARCH_UNIT)),
    )
