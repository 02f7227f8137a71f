"""trec_eval's measures, computed by its own C code behind ir-measures (MacAvaney et al., ECIR 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from service.lab.lab_errors import LabError, UnknownMeasure
from service.lab.measures.graded import graded_measure
from service.lab.measures.measure import Measure, Measured, PerQuery

MAX_CUTOFF = 100_000
_NO_DOCUMENT = "\n"
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


def standard_measure(name: str) -> Measure:
    """Read a name of ir-measures. Raises UnknownMeasure for what neither trec_eval nor we compute."""
    library = _library()
    try:
        parsed = library.parse_measure(name)
        cutoff = int(parsed.params.get("cutoff", 1))
        in_range = 1 <= cutoff <= MAX_CUTOFF
        if in_range and (own := graded_measure(name, parsed.NAME, parsed.params)) is not None:
            return own
        supported = in_range and parsed.NAME not in _COUNTS and _provider().supports(parsed)
    except (NameError, ValueError, TypeError, KeyError, AssertionError, AttributeError) as error:
        raise UnknownMeasure(f"{name!r} is not a measure. {UnknownMeasure.default_detail}") from error
    if not supported:
        raise UnknownMeasure(f"{name!r} cannot be computed. {UnknownMeasure.default_detail}")
    return StandardMeasure(name, parsed)


def standard_values(measures: Sequence[StandardMeasure], run: Measured) -> dict[str, PerQuery]:
    """The values of several measures, in one pass. Measure name → query id → value."""
    if not measures:
        return {}
    judgments = {query: _safe(grades) for query, grades in run.judgments.items()}
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


def _safe(grades: Mapping[str, int]) -> dict[str, int]:
    """Grades for trec_eval, to which all below 0 are alike. Each query has one of at least 0: where all are below, that
    of a document that no run has, so that its values are 0.
    """
    found = {document: max(-1, grade) for document, grade in grades.items()}
    return found if max(found.values(), default=-1) >= 0 else found | {_NO_DOCUMENT: 0}


@cache
def _provider() -> Any:
    """trec_eval, and for what it lacks MS MARCO's script (RR with a cut-off) and OpenNIR's (Judged)."""
    library = _library()
    return library.providers.FallbackProvider([library.pytrec_eval, library.msmarco, library.judged])


def _library() -> Any:
    try:
        return import_module("ir_measures")
    except ImportError as error:
        raise LabError("Measures need the package ir-measures: pip install 'withthis[lab]'.") from error
