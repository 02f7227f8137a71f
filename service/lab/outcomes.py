"""The outcome of one query: the record that a run writes, one JSON object per line, the basis of every report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rerank.degraded import Degraded
from rerank.ranking import Fault
from service.lab.judged import RankedList, Run

Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
TRANSIENT = frozenset({Degraded.TIMEOUT, Degraded.ERROR, Degraded.OVERLOADED})
"""Why an answer says nothing about a configuration; the same query may be answered at another time."""
Tokens = Annotated[int, Field(ge=0)]


class QueryOutcome(BaseModel):
    """One query's way through one configuration. Ids are document ids."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    query: str
    retrieved: tuple[tuple[str, float], ...]
    """(document, retrieval score) best first."""
    final: tuple[str, ...]
    """The order that was answered. Without reranking, that of retrieval."""
    subset: tuple[str, ...] = ()
    """The order of the query's subset, where it has one (CIRR)."""
    fault: Fault | None = None
    """The reranker's fault class; None if nothing was reranked."""
    repaired: int = Field(default=0, ge=0)
    """How many documents the reranker did not place."""
    reranked: int = Field(default=0, ge=0)
    """How many documents the reranker was given."""
    degraded: Degraded | None = None
    caption: str | None = None
    reason: str | None = None
    timings_ms: Mapping[str, Milliseconds] = Field(default_factory=dict)
    prompt_tokens: Tokens | None = None
    """None if the engine does not count."""
    generated_tokens: Tokens | None = None

    @property
    def is_result(self) -> bool:
        """Whether this is what the configuration answers, and not what a model server without an answer left."""
        return self.degraded not in TRANSIENT

    @model_validator(mode="after")
    def _check(self) -> Self:
        retrieved = [document for document, _ in self.retrieved]
        for ranked in (retrieved, self.final, self.subset):
            if len(set(ranked)) != len(ranked):
                raise ValueError("a document is ranked twice")
        if set(self.final) != set(retrieved):
            raise ValueError("the final order does not contain exactly what was retrieved")
        if self.repaired > self.reranked:
            raise ValueError("more documents were repaired than reranked")
        return self

    def to_json(self) -> str:
        """One line of JSON; what is at its default is left out."""
        return json.dumps(self.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False)


def final_run(name: str, outcomes: Iterable[QueryOutcome]) -> Run:
    """The answered orders as a run."""
    known = tuple(outcomes)
    return Run(
        name,
        {outcome.query: RankedList(outcome.final) for outcome in known},
        {outcome.query: RankedList(outcome.subset) for outcome in known if outcome.subset},
    )


def retrieval_run(name: str, outcomes: Iterable[QueryOutcome]) -> Run:
    """The orders before reranking as a run."""
    return Run(name, {outcome.query: RankedList(tuple(item for item, _ in outcome.retrieved)) for outcome in outcomes})
