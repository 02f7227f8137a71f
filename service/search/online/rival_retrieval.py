"""The retrieval of the second configuration of an interleaved comparison, where it differs from the first one's."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from service.errors import WithThisError
from service.search.reranking.reranker import SearchAgain
from service.search.retrieval import Retriever
from service.search.retrieved import Further
from service.search.stage_clock import StageClock
from service.search.types import SearchRequest
from service.stores.store import Hit

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FoundByBoth:
    """What two retrievals found: `hits` as the second one has them, those of the first alone behind them; `further`:
    those of the second alone, as the first one would have found them.
    """

    hits: tuple[Hit, ...]
    further: Further


@dataclass(frozen=True, slots=True)
class RivalRetrieval:
    """`retriever`: finds the products; `lexical_weight`: of a hybrid search, None for that of the request; `a` and `b`:
    names of both retrievals in the search log.
    """

    retriever: Retriever
    lexical_weight: float | None
    a: str
    b: str

    def union(self, request: SearchRequest, hits: Sequence[Hit], depth: int, again: SearchAgain) -> FoundByBoth | None:
        """What is found for a first page, at least `depth` products if there are as many, with the `hits` of the first
        retrieval. None if it failed, or found what the first one must not show: something below the least similarity,
        or a product that another one stands for.
        """
        try:
            found = self._found(request, depth)
            further = again.including(found)
        except WithThisError:
            logger.warning("the retrieval in WITHTHIS_INTERLEAVE failed, so nothing is interleaved", exc_info=True)
            return None
        known, ids = {hit.product_id for hit in hits}, {hit.product_id for hit in found}
        if ids - known != {hit.product_id for hit in further.hits}:
            return None
        return FoundByBoth((*found, *(hit for hit in hits if hit.product_id not in ids)), further)

    def _found(self, request: SearchRequest, depth: int) -> tuple[Hit, ...]:
        hybrid = request.hybrid
        if hybrid is not None and self.lexical_weight is not None:
            hybrid = replace(hybrid, lexical_weight=self.lexical_weight)
        own = replace(request, hybrid=hybrid, facets=())  # facets are counted once
        return self.retriever.retrieve(own, StageClock(), candidates=depth).hits


def retrieval_name(adapter: Path | None, lexical_weight: float | None = None) -> str:
    """What tells a retrieval from others in a log: its adapter, by content (it was read before), and its weight."""
    digest = "" if adapter is None else hashlib.blake2b(adapter.read_bytes(), digest_size=4).hexdigest()
    weight = "" if lexical_weight is None else f", lexical weight {lexical_weight:g}"
    return f"{f'adapter {digest}' if digest else 'no adapter'}{weight}"
