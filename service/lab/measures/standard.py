"""trec_eval's measures, computed by its own C code behind ir-measures (MacAvaney et al., ECIR 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from service.lab.lab_errors import LabError, UnknownMeasure
from service.lab.measures.measure import Measured, PerQuery

MAX_CUTOFF = 100_000
_COUNTS = frozenset({"NumQ", "NumRel", "NumRet"})  # no measures of quality


@dataclass(frozen=True, slots=True)
class StandardMeasure:
    """A measure under its ir-measures name, such as `nDCG@10` or `R(rel=2)@5`.

    As in trec_eval, nDCG gains the grade itself (not 2^grade - 1), and R@k is the share of all relevant documents.
    """

    name: str
    parsed: Any

    def values(self, run: Measured) -> PerQuery:
        """The value of each query."""
        return standard_values([self], run)[self.name]


def standard_measure(name: str) -> StandardMeasure:
    """Read a name. Raises UnknownMeasure for what trec_eval does not compute."""
    library = _library()
    try:
        parsed = library.parse_measure(name)
        cutoff = int(parsed.params.get("cutoff", 1))
        supported = 1 <= cutoff <= MAX_CUTOFF and parsed.NAME not in _COUNTS and _provider().supports(parsed)
    except (NameError, ValueError, TypeError, KeyError, AssertionError, AttributeError) as error:
        raise UnknownMeasure(f"{name!r} is not a measure. {UnknownMeasure.default_detail}") from error
    if not supported:
        raise UnknownMeasure(f"{name!r} cannot be computed. {UnknownMeasure.default_detail}")
    return StandardMeasure(name, parsed)


def standard_values(measures: Sequence[StandardMeasure], run: Measured) -> dict[str, PerQuery]:
    """The values of several measures, in one pass. Measure name → query id → value."""
    if not measures:
        return {}
    judgments = {query: dict(grades) for query, grades in run.judgments.items()}
    # Scores are made from ranks: trec_eval keeps 32 bits of a score and orders what is equal then by document id.
    rankings = {
        query: dict(zip(ranking.documents, map(float, ranking.scores), strict=True))
        for query, ranking in run.rankings.items()
        if ranking.documents
    }
    found: dict[Any, dict[str, float]] = {measure.parsed: {} for measure in measures}
    evaluator = _provider().evaluator(list(found), judgments)
    for metric in evaluator.iter_calc(rankings):
        found[metric.measure][metric.query_id] = float(metric.value)
    return {measure.name: found[measure.parsed] for measure in measures}


@cache
def _provider() -> Any:
    """trec_eval, and MS MARCO's script for the one thing that it lacks, RR with a cut-off."""
    library = _library()
    return library.providers.FallbackProvider([library.pytrec_eval, library.msmarco])


def _library() -> Any:
    try:
        return import_module("ir_measures")
    except ImportError as error:
        raise LabError("Measures need the package ir-measures: pip install 'withthis[lab]'.") from error
