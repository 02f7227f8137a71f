"""What a request asks of the reranker, with every gap filled from the settings and every name checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rerank.errors import PromptError
from rerank.fusion import FusionMethod
from rerank.prompts import PromptLibrary
from rerank.strategies.strategy import Strategy
from service.errors import InvalidValue
from service.search.reranking.candidate_features import FeatureUse
from service.search.types import BelowMinScore, RerankOptions
from service.wire.limits import MAX_DEADLINE_MS

UNKNOWN_STRATEGY = "There is no such rerank strategy. Use one of those that `withthis doctor` lists, or leave it out."
NO_ABSOLUTE_SCORES = (
    "rerank.min_score needs a strategy whose scores can be compared with a number, such as pointwise or reranker. Name "
    "one in rerank.strategy, or leave min_score out."
)
UNKNOWN_PROMPT = "There is no such prompt. Use the id of a rank template in prompts/, or leave it out."


@dataclass(frozen=True, slots=True)
class RerankDefaults:
    """The defaults for what a request leaves out."""

    strategy: str
    engine: str
    candidates: int
    fusion_weight: float
    deadline_ms: int
    fusion_method: FusionMethod = "rrf"
    max_deadline_ms: int = MAX_DEADLINE_MS
    """The longest deadline that a request may set."""
    needs_image: bool = False
    """Whether queries without an image are left in retrieval order, unless a request says how to rerank them."""


@dataclass(frozen=True, slots=True)
class RerankPlan:
    """`RerankOptions` with nothing left open."""

    strategy: Strategy
    engine: str
    prompt: str | None
    """None: the engine's own."""
    candidates: int
    fusion_weight: float
    fusion_method: FusionMethod
    deadline_ms: int
    require: bool
    explain: bool = False
    min_score: float | None = None
    below: BelowMinScore = "drop"
    steps_back: bool = False
    """Whether retrieval's order stands for a query without an image."""
    features: FeatureUse | None = None
    """How the model gets features of the candidates in place of their images, if it ranks by them."""

    def asks_the_same(self, other: RerankPlan) -> bool:
        """Whether one answer of the model serves both: they differ in fusion and deadline at most."""
        fused_as_this = replace(other, fusion_weight=self.fusion_weight, fusion_method=self.fusion_method)
        return replace(fused_as_this, deadline_ms=self.deadline_ms) == self


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans. `missing`: names of strategies that cannot be used here, and why, as a sentence for the caller."""

    strategies: Mapping[str, Strategy]
    prompts: PromptLibrary
    defaults: RerankDefaults
    missing: Mapping[str, str]
    models: Mapping[str, str] = field(default_factory=dict)
    """Strategy → id of the model that it asks; the default engine's where it is not named."""
    fusion: Mapping[str, tuple[float, FusionMethod]] = field(default_factory=dict)
    """Strategy → weight and method of the fusion that suits its model; the default's where it is not named."""
    features: Mapping[str, FeatureUse] = field(default_factory=dict)
    """Strategy → features that its model ranks by; images where it is not named."""

    def plan(self, options: RerankOptions) -> RerankPlan:
        """Check what the caller asked for, before any model runs.

        Raises:
            InvalidValue: an unknown prompt, a strategy that is unknown or cannot be used here, a least score where
                scores are not absolute, or too long a deadline.
        """
        defaults = self.defaults
        if options.deadline_ms is not None and options.deadline_ms > defaults.max_deadline_ms:
            raise InvalidValue(f"rerank.deadline_ms is at most {defaults.max_deadline_ms} here.")
        name = options.strategy or defaults.strategy
        strategy = self._strategy(name)
        if options.min_score is not None and strategy.scale != "absolute":
            raise InvalidValue(NO_ABSOLUTE_SCORES)
        if options.prompt is not None:
            self._check_prompt(options.prompt)
        weight, method = self.fusion.get(name, (defaults.fusion_weight, defaults.fusion_method))
        return RerankPlan(
            strategy=strategy,
            engine=self.models.get(name, defaults.engine),
            prompt=options.prompt,
            candidates=defaults.candidates if options.candidates is None else options.candidates,
            fusion_weight=weight if options.fusion_weight is None else options.fusion_weight,
            fusion_method=options.fusion_method or method,
            deadline_ms=defaults.deadline_ms if options.deadline_ms is None else options.deadline_ms,
            require=options.require,
            explain=options.explain,
            min_score=options.min_score,
            below=options.below,
            steps_back=defaults.needs_image and not _insists(options),
            features=self.features.get(name),
        )

    def _strategy(self, name: str) -> Strategy:
        if name not in self.strategies:
            raise InvalidValue(self.missing.get(name, UNKNOWN_STRATEGY))
        return self.strategies[name]

    def _check_prompt(self, name: str) -> None:
        try:
            self.prompts.get(name)
        except PromptError as error:
            raise InvalidValue(UNKNOWN_PROMPT) from error


def _insists(options: RerankOptions) -> bool:
    """Whether a request says how to rerank, so that the reranker's order is what it is about."""
    named = (options.strategy, options.prompt, options.fusion_weight, options.fusion_method)
    return options.require or options.explain or any(value is not None for value in named)
