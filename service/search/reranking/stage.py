"""From hits in retrieval order to hits in final order, whatever the reranker does.

The first `candidates` hits go to the strategy and are fused with their retrieval scores; the others keep their place
behind them. No hit is lost, duplicated or invented: the strategy answers with positions, and `Ranking` is a
permutation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL.Image import Image

from rerank.candidates import Candidate, RerankQuery
from rerank.degraded import Degraded
from rerank.errors import LayoutError, PromptError
from rerank.fusion import FusionMethod, fuse
from rerank.lru_cache import LruCache
from rerank.prompts import PromptLibrary
from rerank.ranking import Fault
from rerank.strategies.strategy import RerankOutcome, Strategy
from service.errors import InvalidValue, RerankRequired
from service.product import Product
from service.search.reason_check import reason_fault
from service.search.reranking.runner import RerankRunner
from service.search.types import Explanation, RerankOptions, RerankReport
from service.stores.store import Hit

UNKNOWN_STRATEGY = "There is no such rerank strategy. Use one of those that `withthis doctor` lists, or leave it out."
UNKNOWN_PROMPT = "There is no such prompt. Use the id of a rank template in prompts/, or leave it out."
UNFIT_PROMPT = "This prompt does not match the configured engine. Leave rerank.prompt out to use the engine's own."


@dataclass(frozen=True, slots=True)
class RerankPlan:
    """`RerankOptions` with every gap filled from the settings and every name checked."""

    strategy: Strategy
    prompt: str | None
    candidates: int
    fusion_weight: float
    fusion_method: FusionMethod
    deadline_ms: int
    require: bool
    explain: bool = False
    steps_back: bool = False
    """Whether retrieval's order stands for a query without an image."""


LoadImages = Callable[[], Sequence[Image | None]]
"""Loads the images of the first hits, in their order: at least those of a plan's candidates."""


@dataclass(frozen=True, slots=True)
class RerankCall:
    """The model's answer for the first hits, or why there is none. Plans that differ in fusion alone can share it."""

    outcome: RerankOutcome | None = None
    degraded: Degraded | None = None


@dataclass(frozen=True, slots=True)
class RankedHit:
    """A hit with its place among the retrieved (`position`, from 0) and its scores after reranking."""

    hit: Hit
    position: int
    rerank_score: float | None = None
    fused_score: float | None = None


@dataclass(frozen=True, slots=True)
class Reranked:
    """The final order, where it comes from, and the milliseconds that the model took by stage."""

    hits: tuple[RankedHit, ...]
    report: RerankReport
    caption: str | None = None
    timings_ms: Mapping[str, float] | None = None
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class RerankDefaults:
    """The defaults for what a request leaves out."""

    strategy: str
    engine: str
    candidates: int
    fusion_weight: float
    deadline_ms: int
    fusion_method: FusionMethod = "rrf"
    max_deadline_ms: int = 600_000
    """The longest deadline that a request may set."""
    needs_image: bool = False
    """Whether queries without an image are left in retrieval order, unless a request says how to rerank them."""


def in_retrieval_order(hits: Sequence[Hit]) -> tuple[RankedHit, ...]:
    """The hits as retrieval gave them."""
    return tuple(RankedHit(hit, position) for position, hit in enumerate(hits))


class RerankStage:
    """Applies strategies to hits, under the guarantees of this module."""

    def __init__(
        self,
        strategies: Mapping[str, Strategy],
        prompts: PromptLibrary,
        runner: RerankRunner,
        defaults: RerankDefaults,
        *,
        documents: RerankRunner | None = None,
        missing: Mapping[str, str] | None = None,
        caches: Mapping[str, LruCache[Any, Any]] | None = None,
        close: Callable[[], None] | None = None,
        rank_prompts: Sequence[str] = (),
    ) -> None:
        """`documents`: runs the ranking of documents, if it has slots of its own; `missing`: names of further
        strategies and why each cannot be used, as a sentence for the caller; `caches`: of strategies and engine, by
        name; `close`: releases the engine; `rank_prompts`: those that fit it, to be offered, as "id@version".
        """
        self.caches = caches or {}
        self._close = close
        self.rank_prompts = tuple(rank_prompts)
        self._missing = missing or {}
        self._strategies = strategies
        self._prompts = prompts
        self._runner, self._documents = runner, documents or runner
        self._defaults = defaults

    @property
    def defaults(self) -> RerankDefaults:
        """The defaults for what a request leaves out."""
        return self._defaults

    @property
    def strategies(self) -> tuple[str, ...]:
        """The names a request may use."""
        return tuple(sorted(self._strategies))

    @property
    def engine(self) -> str:
        """The id of the engine in use."""
        return self._defaults.engine

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
        """Check what the caller asked for, before any model runs.

        Raises:
            InvalidValue: an unknown prompt, a strategy that is unknown or cannot be used here, or too long a deadline.
        """
        defaults = self._defaults
        if options.deadline_ms is not None and options.deadline_ms > defaults.max_deadline_ms:
            raise InvalidValue(f"rerank.deadline_ms is at most {defaults.max_deadline_ms} here.")
        name = options.strategy or defaults.strategy
        strategy = self._strategies.get(name)
        if strategy is None:
            raise InvalidValue(self._missing.get(name, UNKNOWN_STRATEGY))
        if options.prompt is not None:
            self._check_prompt(options.prompt)
        return RerankPlan(
            strategy=strategy,
            prompt=options.prompt,  # None: the engine's own
            candidates=defaults.candidates if options.candidates is None else options.candidates,
            fusion_weight=defaults.fusion_weight if options.fusion_weight is None else options.fusion_weight,
            fusion_method=options.fusion_method or defaults.fusion_method,
            deadline_ms=defaults.deadline_ms if options.deadline_ms is None else options.deadline_ms,
            require=options.require,
            explain=options.explain,
            steps_back=defaults.needs_image and not _insists(options),
        )

    def apply(self, plan: RerankPlan, query: RerankQuery, hits: Sequence[Hit], load: LoadImages) -> Reranked:
        """Rerank the first hits, as many as the plan says.

        Raises:
            InvalidValue: the prompt does not fit the engine.
            RerankRequired: `plan.require` and the order is not the reranker's.
        """
        return self.required(plan, self.arrange(plan, hits, self.call(plan, query, hits, load)))

    def required(self, plan: RerankPlan, reranked: Reranked) -> Reranked:
        """The same. Raises RerankRequired if the plan requires the reranker's order and this is another one."""
        report = reranked.report
        if report.degraded and plan.require:
            raise RerankRequired(fault=report.fault, degraded=report.degraded)
        return reranked

    def call(self, plan: RerankPlan, query: RerankQuery, hits: Sequence[Hit], load: LoadImages) -> RerankCall:
        """Ask the model about the first hits. Loading their images takes a slot, and of the time, too.

        Raises InvalidValue as `apply`.
        """
        if not hits:  # nothing matched the filter: there is nothing to rank and nothing to complain about
            return RerankCall()
        if plan.steps_back and query.image is None:
            return RerankCall(degraded=Degraded.LOW_TRUST)

        def candidates() -> tuple[Candidate, ...]:
            return tuple(
                Candidate(hit.product_id, hit.title, picture, hit.score, hit.image_key, _facts(hit))
                for hit, picture in zip(hits[: plan.candidates], load(), strict=False)
            )

        return RerankCall(*self._run(self._runner, plan, query, candidates))

    def arrange(self, plan: RerankPlan, hits: Sequence[Hit], call: RerankCall) -> Reranked:
        """The order that a plan derives from the model's answer; always complete."""
        outcome, degraded = call.outcome, call.degraded
        report = self._report(plan, outcome, degraded, [hit.product_id for hit in hits])
        if outcome is None:
            return Reranked(in_retrieval_order(hits), report)
        count = len(outcome.ranking.order)
        head, tail = in_retrieval_order(hits)[:count], in_retrieval_order(hits)[count:]
        if degraded is None:
            head = _reorder(head, outcome, plan)
            report = _checked(report, hits[outcome.ranking.order[0]].product, hits)
        explanation = _explanation(outcome) if plan.explain else None
        return Reranked(head + tail, report, outcome.caption, outcome.timings_ms, explanation)

    def rank(
        self, plan: RerankPlan, query: RerankQuery, candidates: Sequence[Candidate]
    ) -> tuple[RerankOutcome | None, RerankReport]:
        """Rank candidates without retrieval scores. None: the given order is kept, and the report says why.

        Raises:
            InvalidValue: the prompt does not fit the engine.
        """
        outcome, degraded = self._run(self._documents, plan, query, lambda: candidates)
        report = self._report(plan, outcome, degraded, [candidate.id for candidate in candidates])
        return (outcome if degraded is None else None), report

    def _run(
        self, runner: RerankRunner, plan: RerankPlan, query: RerankQuery, candidates: Callable[[], Sequence[Candidate]]
    ) -> tuple[RerankOutcome | None, Degraded | None]:
        def call(deadline: float) -> RerankOutcome:
            return plan.strategy.rerank(query, candidates(), prompt=plan.prompt, deadline=deadline)

        try:
            result = runner.run(call, plan.deadline_ms)
        except (LayoutError, PromptError) as error:
            raise InvalidValue(UNFIT_PROMPT) from error
        if result.outcome is None:
            return None, result.degraded
        return result.outcome, _degradation(result.outcome)

    def _check_prompt(self, name: str) -> None:
        try:
            self._prompts.get(name)
        except PromptError as error:
            raise InvalidValue(UNKNOWN_PROMPT) from error

    def _report(
        self,
        plan: RerankPlan,
        outcome: RerankOutcome | None,
        degraded: Degraded | None,
        ids: Sequence[str],
    ) -> RerankReport:
        if outcome is None:
            unasked = {Degraded.TIMEOUT: Fault.TIMEOUT, Degraded.LOW_TRUST: None, None: None}
            fault = unasked.get(degraded, Fault.BACKEND_ERROR)
            return RerankReport(
                applied=False,
                engine=self._defaults.engine,
                strategy=plan.strategy.name,
                prompt=plan.prompt,
                fault=fault,
                degraded=degraded,
            )
        ranking = outcome.ranking
        return RerankReport(
            applied=degraded is None,
            engine=outcome.engine,
            strategy=outcome.strategy,
            prompt=outcome.prompt,
            fault=ranking.fault,
            repaired=tuple(ids[position] for position in ranking.repaired),
            reason=ranking.reason,
            degraded=degraded,
        )


def _checked(report: RerankReport, praised: Product, hits: Sequence[Hit]) -> RerankReport:
    """The report without a reason that the catalog contradicts: the prompts ask for one about the first product."""
    if report.reason is None:
        return report
    categories = {hit.category for hit in hits if hit.category}
    fault = reason_fault(report.reason, praised, categories)
    return report if fault is None else replace(report, reason=None, reason_fault=fault)


def _facts(hit: Hit) -> Mapping[str, object]:
    """What a prompt may ask for besides the title."""
    return {**hit.attributes, "category": hit.category, "price": hit.price}


def _explanation(outcome: RerankOutcome) -> Explanation:
    return Explanation(
        raw=outcome.raw,
        shown=outcome.shown,
        panel=outcome.panel,
        prompt_tokens=outcome.prompt_tokens,
        generated_tokens=outcome.generated_tokens,
    )


def _degradation(outcome: RerankOutcome) -> Degraded | None:
    """Why an outcome must not change the order, or None if it may."""
    if outcome.degraded is not None:
        return outcome.degraded
    ranking = outcome.ranking
    nothing_placed = ranking.fault is not Fault.OK and len(ranking.repaired) == len(ranking.order)
    if ranking.fault is Fault.REFUSAL or nothing_placed:
        return Degraded.UNUSABLE
    return Degraded.LOW_TRUST if _is_flat(ranking.scores) else None


def _is_flat(scores: Sequence[float | None] | None) -> bool:
    """Whether every candidate has the same score, so that the scores separate nothing."""
    return scores is not None and len(scores) > 1 and None not in scores and len(set(scores)) == 1


def _insists(options: RerankOptions) -> bool:
    """Whether a request says how to rerank, so that the reranker's order is what it is about."""
    named = (options.strategy, options.prompt, options.fusion_weight, options.fusion_method)
    return options.require or options.explain or any(value is not None for value in named)


def _reorder(head: Sequence[RankedHit], outcome: RerankOutcome, plan: RerankPlan) -> tuple[RankedHit, ...]:
    """Fuse the ranking with the retrieval scores of the candidates."""
    retrieval = [ranked.hit.order_score for ranked in head]
    order, fused = fuse(outcome.ranking, retrieval, plan.fusion_weight, method=plan.fusion_method)
    scores = outcome.ranking.scores or (None,) * len(head)
    return tuple(RankedHit(head[place].hit, place, scores[place], fused[place]) for place in order)
