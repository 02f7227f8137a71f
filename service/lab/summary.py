"""The results of an experiment in numbers: quality with its uncertainty, differences, time, faults, tokens and cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rerank.ranking import Fault
from service.lab.comparison import Comparison, compare
from service.lab.configuration import Price
from service.lab.judged import DataSet
from service.lab.measures import Scores, evaluate
from service.lab.outcomes import QueryOutcome, final_run, retrieval_run
from service.lab.pool_bias import JudgedShares, judged_shares
from service.lab.position_bias import PositionBias, position_bias
from service.lab.runner import Answered, Results
from service.lab.significance import mean_interval
from service.lab.slices import Estimate, Slices, slices
from service.lab.small_samples import SMALL
from service.search.pipeline import STAGES

PERCENTILES = (50, 95)


@dataclass(frozen=True)
class Latency:
    """Milliseconds of a stage, over the queries on which it ran."""

    p50: float
    p95: float


@dataclass(frozen=True)
class Reranking:
    """How the reranker behaved. `faults` counts queries by fault class, `degraded` by reason; shares are of the
    documents that it was given (`repaired`) and tokens are those of a query.
    """

    queries: int
    faults: Mapping[str, int]
    degraded: Mapping[str, int]
    repaired: float
    prompt_tokens: float
    generated_tokens: float

    @property
    def faulty(self) -> float:
        """The share of queries with any fault."""
        return 1 - self.faults.get(Fault.OK, 0) / self.queries if self.queries else 0.0

    def cost(self, price: Price) -> float:
        """Of 1,000 queries, in the currency of the price."""
        return (self.prompt_tokens * price.prompt + self.generated_tokens * price.generated) / 1000


@dataclass(frozen=True)
class Summary:
    """One configuration. `retrieval` are the scores of its own orders before reranking."""

    answered: Answered
    scores: Scores
    retrieval: Scores
    estimates: Mapping[str, Estimate]
    comparisons: Mapping[str, Comparison]
    """By measure, against the first configuration; empty for that one."""
    latency: Mapping[str, Latency]
    reranking: Reranking | None
    """None if nothing was reranked."""
    bias: PositionBias | None = None
    """None if it was not measured."""
    slices: Slices = field(default_factory=dict)
    judged: JudgedShares = field(default_factory=dict)
    spread: Mapping[str, Estimate] = field(default_factory=dict)
    """By measure, the mean over topics of the range within each; empty if no topic has several queries."""

    @property
    def name(self) -> str:
        """The configuration's name."""
        return self.answered.configuration.name

    @property
    def all_judged(self) -> bool:
        """Whether everything that the measures look at was judged."""
        return all(math.isclose(share, 1.0) for share in self.judged.values())

    @property
    def cost(self) -> float | None:
        """Of 1,000 queries; None without a price or without reranking."""
        price = self.answered.configuration.price
        return None if price is None or self.reranking is None else self.reranking.cost(price)

    @property
    def unanswered(self) -> int:
        """Queries for which the model server gave no answer in time: their order is that of retrieval."""
        return sum(not outcome.is_result for outcome in self.answered.outcomes)


def summarize(results: Results) -> tuple[Summary, ...]:
    """All configurations in their order.

    For each measure, the comparisons with the first configuration are one family for Holm's correction. Raises as
    `service.lab.measures.evaluate`.
    """
    data, seed = results.data, results.experiment.seed
    measures = results.measures
    final = [evaluate(data, final_run(one.configuration.name, one.outcomes), measures) for one in results.answered]
    compared = {measure: compare(final[0], final[1:], [measure], seed=seed) for measure in measures}
    return tuple(
        Summary(
            answered=one,
            scores=scores,
            retrieval=evaluate(data, retrieval_run(one.configuration.name, one.outcomes), measures),
            estimates={measure: _estimate(scores, measure, seed) for measure in measures},
            comparisons={measure: compared[measure][place - 1] for measure in measures} if place else {},
            latency=_latency(one.outcomes),
            reranking=_reranking(one.outcomes),
            bias=position_bias(one.rearranged) if one.rearranged else None,
            slices=slices(scores, final[0] if place else None, measures, seed=seed),
            judged=judged_shares(data, final_run(one.configuration.name, one.outcomes), measures),
            spread=_spreads(scores, seed),
        )
        for place, (one, scores) in enumerate(zip(results.answered, final, strict=True))
    )


def small_sample(units: int, compared: Sequence[Comparison | None] = (), *, family: int | None = None) -> str | None:
    """What must be said of few queries; None where there are enough. `compared`: the comparisons by one measure;
    `family`: how many p is corrected for, None: these.
    """
    if units >= SMALL:
        return None
    queries = "query" if units == 1 else "queries"
    told = f"Only {units} {queries}: intervals are wide, and hold for any number of them (Gaffke's bounds)"
    found = [one for one in compared if one is not None]
    family = len(found) if family is None else family
    least = min(1.0, family * 2.0 ** (1 - units))
    if found and least > 0.001:
        corrected = f", corrected for {family} comparisons," if family > 1 else ""
        told += f"; p{corrected} cannot be below {least:.2g}"
    detectable = max((one.detectable for one in found if one.detectable is not None), default=None)
    if detectable is None:
        return f"{told}."
    return f"{told}. The smallest difference that as many would show in four experiments of five is {detectable:.3f}."


def signed(value: float) -> str:
    """A difference as it is shown: its sign and three digits; nothing is "-0.000"."""
    return f"{round(value, 3) + 0.0:+.3f}"


def recall_name(measures: Sequence[str]) -> str:
    """The measure whose curve over k is drawn, without its cut-off: the first kind of recall that there is."""
    names = [name.rpartition("@")[0] for name in measures]
    found = (name for family in ("R", "Success") for name in names if name == family or name.startswith(f"{family}("))
    return next(found, "R")


def recall_curve(data: DataSet, answered: Answered, family: str, cutoffs: Sequence[int]) -> list[float]:
    """The measure at each cut-off."""
    names = [f"{family}@{k}" for k in cutoffs]
    scores = evaluate(data, final_run(answered.configuration.name, answered.outcomes), names)
    return [scores.mean(name) for name in names]


def _estimate(scores: Scores, measure: str, seed: int) -> Estimate:
    low, high = mean_interval(scores.array(measure), scores.weights(), bounds=(0.0, 1.0), seed=seed)
    return Estimate(scores.mean(measure), low, high)


def _spreads(scores: Scores, seed: int) -> dict[str, Estimate]:
    found = {measure: np.array(list(spread.values())) for measure, spread in scores.spread.items() if spread}
    return {
        measure: Estimate(float(values.mean()), *mean_interval(values, bounds=(0.0, 1.0), seed=seed))
        for measure, values in found.items()
    }


def _latency(outcomes: Sequence[QueryOutcome]) -> dict[str, Latency]:
    found = {}
    for stage in STAGES:
        times = [outcome.timings_ms[stage] for outcome in outcomes if stage in outcome.timings_ms]
        if times:
            p50, p95 = np.percentile(times, PERCENTILES)
            found[stage] = Latency(float(p50), float(p95))
    return found


def _reranking(outcomes: Sequence[QueryOutcome]) -> Reranking | None:
    ran = [outcome for outcome in outcomes if outcome.reranked]
    if not ran:
        return None
    return Reranking(
        queries=len(ran),
        faults=dict(Counter(str(outcome.fault) for outcome in ran)),
        degraded=dict(Counter(str(outcome.degraded) for outcome in ran if outcome.degraded)),
        repaired=sum(outcome.repaired for outcome in ran) / sum(outcome.reranked for outcome in ran),
        prompt_tokens=float(np.mean([outcome.prompt_tokens or 0 for outcome in ran])),
        generated_tokens=float(np.mean([outcome.generated_tokens or 0 for outcome in ran])),
    )
