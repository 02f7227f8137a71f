"""Was composition needed? Composed queries asked by their text alone, by their image alone, and by both.

Many queries of data sets for composed retrieval are answered by one of the two alone (CIRCUS, arXiv 2605.14787), so a
high score need not mean that a system composes. What one modality solves, and what is left, are slices of the results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from service.lab.configuration import Configuration
from service.lab.judged import DataSet, LabQuery, Run
from service.lab.measures import Scores, evaluate, less_is_better
from service.lab.significance import mean_interval
from service.lab.slices import Estimate

Part = Literal["text", "image", "both"]
PARTS: tuple[Part, ...] = ("text", "image", "both")
SOLVED_BY = "Success@1"
"""One modality solves a query if it puts a document of the query's best grade first: a related one is no solution."""
KIND, SOLVED, LEFT = "composition", "one modality solves it", "both are needed"
"""A kind of tag and its values."""


@dataclass(frozen=True)
class Composition:
    """The composed queries, by the retrieval of one configuration, and the units that one modality solves."""

    name: str
    text: Scores
    image: Scores
    both: Scores
    solved: frozenset[str]
    runs: Mapping[Part, Run]

    @property
    def share_solved(self) -> float:
        """Of the units."""
        return len(self.solved) / len(self.both.units)

    def estimate(self, part: Part, measure: str, seed: int) -> Estimate:
        """The mean of one part, with its interval."""
        scores = {"text": self.text, "image": self.image, "both": self.both}[part]
        interval = mean_interval(scores.array(measure), scores.weights(), bounds=(0.0, 1.0), seed=seed)
        return Estimate(scores.mean(measure), *interval)

    def gap(self, measure: str, seed: int) -> Estimate:
        """The composition gap: how much more both reach than the better of the two alone, by their means; less, where
        less is better.
        """
        sign = -1 if less_is_better(measure) else 1
        alone = max((self.text, self.image), key=lambda scores: sign * scores.mean(measure))
        differences = self.both.array(measure) - alone.array(measure)
        interval = mean_interval(differences, self.both.weights(), bounds=(-1.0, 1.0), seed=seed)
        return Estimate(self.both.mean(measure) - alone.mean(measure), *interval)


def measure_composition(
    data: DataSet, first: Configuration, measures: Sequence[str], ask: Callable[[Configuration, DataSet], Run]
) -> Composition | None:
    """Ask the composed queries in three ways, without reranking; None if there are none, or nobody judged them."""
    composed = [query for query in data.queries.values() if _is_composed(query)]
    if not composed or not data.judgments:
        return None
    retrieval = without_reranking(first)
    asked = {part: _asked(data, composed, part) for part in PARTS}
    runs = {part: ask(retrieval, asked[part]) for part in PARTS}
    text, image, both = (evaluate(asked[part], runs[part], measures) for part in PARTS)
    solved = (_solved(asked[part], runs[part]) for part in ("text", "image"))
    return Composition(first.name, text, image, both, frozenset().union(*solved), runs)


def _solved(data: DataSet, run: Run) -> frozenset[str]:
    """The units of which a document of the best grade is first."""
    best = {
        query: {document: int(grade == max(grades.values()) > 0) for document, grade in grades.items()}
        for query, grades in (data.judgments or {}).items()
    }
    values = evaluate(replace(data, judgments=best), run, [SOLVED_BY]).values[SOLVED_BY]
    return frozenset(unit for unit, value in values.items() if value >= 1)


def tagged(data: DataSet, found: Composition) -> DataSet:
    """The data set with composed queries tagged by whether one modality solves them."""

    def tags(query: LabQuery) -> LabQuery:
        if not _is_composed(query):
            return query
        return replace(query, tags=query.tags | {f"{KIND}:{SOLVED if query.unit in found.solved else LEFT}"})

    return replace(data, queries={id: tags(query) for id, query in data.queries.items()})


def _is_composed(query: LabQuery) -> bool:
    return query.text is not None and query.image is not None


def without_reranking(configuration: Configuration) -> Configuration:
    """The retrieval of a configuration alone."""
    setup = configuration.setup
    values = {**setup.values, "rerank_enabled": False}
    return replace(configuration, setup=replace(setup, reranks=False, values=values))


def _asked(data: DataSet, composed: Sequence[LabQuery], part: Part) -> DataSet:
    """The composed queries with one part of them."""

    def only(query: LabQuery) -> LabQuery:
        if part == "text":
            return replace(query, image=None, more_images=())
        return replace(query, text=None, wordings=()) if part == "image" else query

    judgments = data.judgments or {}
    queries = {query.id: only(query) for query in composed}
    return replace(data, queries=queries, judgments={id: judgments[id] for id in queries if id in judgments})
