"""The search log's line for an answered search: the query, both rankings, and what was shown.

Of an image and of a session it has only a hash; nothing else identifies the caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from service.encoders.encoder import EncoderInfo
from service.search.query_images import product_of
from service.search.types import Negative, RankedBy, SearchRequest, SearchResponse, SearchTrace


def search_entry(
    request: SearchRequest, response: SearchResponse, trace: SearchTrace, encoder: EncoderInfo, *, with_text: bool
) -> dict[str, object]:
    """The JSON of a line. `with_text` False: without the sentences."""
    orders, shown = trace.orders, [result.product.id for result in response.results]
    return {
        "kind": "search",
        "id": response.id,
        "time": now(),
        "session": _hashed(request.session),
        "query": _query(request, trace, with_text=with_text),
        "encoder": {"id": encoder.id, "fingerprint": encoder.fingerprint},
        "retrieved": trace.retrieved,
        "a": _ranked(orders.a),
        "b": _ranked(orders.b) if orders.b else None,
        "order": _shown_first(trace.order, shown),
        "rules": response.rules,
        "teams": orders.teams or None,
        "offset": trace.offset,
        "shown": len(shown),
        "timings_ms": {stage: round(ms, 2) for stage, ms in response.timings_ms.items()},
    }


def _shown_first(order: Sequence[str], shown: Sequence[str]) -> list[str]:
    """All products, those shown first: a least score of the reranker may have taken some out of their midst."""
    known = frozenset(shown)
    return [*shown, *(product for product in order if product not in known)]


def _has_text(request: SearchRequest) -> bool:
    return any((request.text, request.negative and request.negative.text))


def _hashed(session: str | None) -> str | None:
    """What tells sessions apart and is not what the caller sent."""
    return None if session is None else hashlib.blake2b(session.encode(), digest_size=8).hexdigest()


def now() -> str:
    """The time in UTC as in the log, ISO 8601 to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _query(request: SearchRequest, trace: SearchTrace, *, with_text: bool) -> Mapping[str, object]:
    filter, first = request.filter, next(iter(request.wanted_images), None)
    return {
        "text": request.text if with_text else None,
        "text_left_out": not with_text and _has_text(request),
        "image": next(iter(trace.image_hashes), None),
        "product": product_of(first.source) if first else None,
        "images": _several(request, trace),
        "filter": filter.model_dump(mode="json", by_alias=True, exclude_unset=True) if filter else None,
        "limit": request.limit,
        "min_score": request.min_score,
        "negative": _negative(request.negative, trace, with_text=with_text),
        "understand": request.understand,
        "sort": [asdict(key) for key in request.sort],
        "hybrid": asdict(request.hybrid) if request.hybrid else None,
        "weights": asdict(request.weights) if request.weights else None,
        "collapse": asdict(request.collapse) if request.collapse else None,
        "group_by": asdict(request.group_by) if request.group_by else None,
        "diversity": asdict(request.diversity) if request.diversity else None,
    }


def _several(request: SearchRequest, trace: SearchTrace) -> list[dict[str, object]] | None:
    """The images of a query that has several."""
    given = zip(request.images, trace.image_hashes, strict=False)
    return [{"image": hash, "product": product_of(one.source), "weight": one.weight} for one, hash in given] or None


def _negative(negative: Negative | None, trace: SearchTrace, *, with_text: bool) -> dict[str, object] | None:
    if negative is None:
        return None
    text = negative.text if with_text else None
    return {"text": text, "weight": negative.weight, "image": trace.negative_hash}


def _ranked(found: RankedBy) -> dict[str, object]:
    """A configuration, its outcome, and its order."""
    report = found.report
    return {
        "retrieval": found.retrieval,
        "engine": report.engine,
        "strategy": report.strategy,
        "prompt": report.prompt,
        "candidates": found.candidates,
        "fusion_weight": found.fusion_weight,
        "fusion_method": found.fusion_method,
        "fault": report.fault,
        "degraded": report.degraded,
        "order": found.order,
    }
