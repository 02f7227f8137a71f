"""The reranking of a service: what a request may ask for, the slots at the model, and what the engine has open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rerank.candidates import Candidate
from rerank.lru_cache import LruCache
from rerank.query import Query
from rerank.strategies.strategy import RerankOutcome
from service.search.reranking.plan import Planner, RerankDefaults, RerankPlan
from service.search.reranking.report import report_of
from service.search.reranking.reranker import PlannedReranker, RetrievalOrder
from service.search.reranking.runner import RerankRunner
from service.search.types import RerankOptions, RerankReport


class RerankStage:
    """Gives each search its reranker, and ranks documents. Thread-safe."""

    def __init__(
        self,
        planner: Planner,
        *,
        concurrency: int = 1,
        documents: int | None = None,
        caches: Mapping[str, LruCache[Any, Any]] | None = None,
        close: Callable[[], None] | None = None,
        rank_prompts: Sequence[str] = (),
    ) -> None:
        """`concurrency`: calls of the model at the same time; `documents`: the same for the ranking of documents, if it
        has slots of its own; `caches`: of strategies and engine, by name; `close`: releases the engine; `rank_prompts`:
        those that fit it, to be offered, as "id@version".
        """
        self.caches = caches or {}
        self.rank_prompts = tuple(rank_prompts)
        self._planner = planner
        self._runner = RerankRunner(concurrency)
        self._documents = RerankRunner(documents) if documents is not None else self._runner
        self._close = close

    @property
    def defaults(self) -> RerankDefaults:
        """The defaults for what a request leaves out."""
        return self._planner.defaults

    @property
    def strategies(self) -> tuple[str, ...]:
        """The names a request may use."""
        return tuple(sorted(self._planner.strategies))

    @property
    def engine(self) -> str:
        """The id of the engine in use."""
        return self.defaults.engine

    @property
    def rooms(self) -> Mapping[str, RerankRunner]:
        """Slots at the model and waiting calls, by name in the metrics; stuck calls keep their slots."""
        return {"rerank": self._runner, "rerank_documents": self._documents}

    def stop_waiting(self) -> None:
        """End every wait for the model now: what is in progress is answered without it."""
        for runner in self.rooms.values():
            runner.stop()

    def close(self) -> None:
        """Close what the engine has open."""
        if self._close is not None:
            self._close()

    def plan(self, options: RerankOptions) -> RerankPlan:
        """Check what the caller asked for. Raises InvalidValue as `Planner.plan`."""
        return self._planner.plan(options)

    def reranker(self, options: RerankOptions) -> PlannedReranker | RetrievalOrder:
        """What reranks one search. Raises InvalidValue as `plan`."""
        return PlannedReranker(self._runner, self.plan(options)) if options.enabled else RetrievalOrder()

    def rank(
        self, plan: RerankPlan, query: Query, candidates: Sequence[Candidate]
    ) -> tuple[RerankOutcome | None, RerankReport]:
        """Rank candidates without retrieval scores. None: the given order is kept, and the report says why.

        Raises:
            InvalidValue: the prompt does not fit the engine.
        """
        call = self._documents.ask(plan, query, lambda _: candidates)
        report = report_of(plan, call, [candidate.id for candidate in candidates])
        return (call.outcome if call.degraded is None else None), report
