"""An engine that answers each question once, so that configurations share calls.

The cache wraps the model call itself: for any strategy, window or fusion weight, the same prompt over the same pixels
has the same answer, and everything after it (parsing, fusion, the guarantee) runs as it does in service. So
configurations that differ in their fusion weight share one rerank call, all that caption alike share the captions, and
what they are measured at is exactly what they would be without this file.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from rerank.engines.engine import Closable, Engine, EngineInfo, EngineRequest, Generation
from rerank.errors import EngineError, EngineTimeout
from service.lab.digests import Part, digest
from service.lab.journal import Journal
from service.lab.ledger import current_ledger

Row = Mapping[str, Any]
Kind = Literal["generate", "score"]


class RecordedEngine:
    """An `Engine` over another one, with its answers in a journal. Thread-safe as that is.

    A failed call is not tried again by this object, so that configurations that share it fail alike; it is tried again
    by the next run. A deadline that the recorded time would have missed is missed.
    """

    def __init__(self, engine: Engine, journal: Journal) -> None:
        """Takes ownership of the journal. Raises ExperimentError for one that is damaged, and then closes it."""
        self._engine = engine
        self._journal = journal
        self._answers: dict[str, Row] = dict(journal.load(_known_answer))
        self._failures: dict[str, tuple[EngineError, float]] = {}
        self._lock = threading.Lock()

    @property
    def info(self) -> EngineInfo:
        """The facts about the engine behind this one."""
        return self._engine.info

    def generate(self, request: EngineRequest) -> Generation:
        """Answer one request, from the journal if it is known. Raises as the engine does."""
        row = self._answer("generate", [request], lambda: _generation_row(self._engine.generate(request)))
        scores = row["label_scores"]
        return Generation(
            row["text"],
            row["finish"],
            None if scores is None else tuple(scores),
            row["prompt_tokens"],
            row["generated_tokens"],
        )

    def score(self, requests: Sequence[EngineRequest]) -> list[tuple[float, ...]]:
        """The label logits of requests, from the journal if they are known. Raises as the engine does."""
        row = self._answer("score", requests, lambda: {"scores": self._engine.score(requests)})
        return [tuple(scores) for scores in row["scores"]]

    def close(self) -> None:
        """Close the journal, and what the engine has open."""
        self._journal.close()
        if isinstance(self._engine, Closable):
            self._engine.close()

    def _answer(self, kind: Kind, requests: Sequence[EngineRequest], ask: Callable[[], Row]) -> Row:
        """What the engine says or said; its own time is booked, whatever was spent here."""
        start, row = time.perf_counter(), None
        key = digest(kind, *(part for request in requests for part in _content(request)))
        stage: Literal["caption", "rerank"] = "rerank" if any(request.labels for request in requests) else "caption"
        try:
            row = self._recalled(key, requests) or self._asked(key, ask)
            return row
        finally:
            ms = row["ms"] if row is not None else self._failures[key][1] if key in self._failures else 0.0
            tokens = {name: row.get(name, 0) for name in ("prompt_tokens", "generated_tokens")} if row else {}
            current_ledger().book(stage, ms - (time.perf_counter() - start) * 1000, **tokens)

    def _recalled(self, key: str, requests: Sequence[EngineRequest]) -> Row | None:
        """The known answer, if there is one and it came in time. Raises the known failure."""
        if key in self._failures:
            raise self._failures[key][0]
        row = self._answers.get(key)
        if row is not None:
            _check_deadline(requests, row["ms"])
        return row

    def _asked(self, key: str, ask: Callable[[], Row]) -> Row:
        """Ask the engine, and remember what it says or how it fails."""
        start = time.perf_counter()
        try:
            answer = ask()
        except EngineError as error:
            self._failures[key] = error, (time.perf_counter() - start) * 1000
            raise
        row = {"key": key, "ms": (time.perf_counter() - start) * 1000, **answer}
        with self._lock:
            self._journal.append(row)
            self._answers[key] = row
        return row


def _known_answer(row: Row) -> tuple[str, Row]:
    return row["key"], {**row, "ms": float(row["ms"])}


def _content(request: EngineRequest) -> list[Part]:
    """Everything an answer depends on; the deadline only decides whether there is one."""
    words: tuple[Part, ...] = (
        request.prompt,
        request.answer_prefix,
        request.max_new_tokens,
        len(request.labels),
        *request.labels,
    )
    return [*words, len(request.images), *request.images]


def _check_deadline(requests: Sequence[EngineRequest], ms: float) -> None:
    """Raise EngineTimeout where this answer would have come too late, after all that was spared before it."""
    deadline = requests[0].deadline if requests else None
    late_by_s = (current_ledger().rerank_extra_ms + ms) / 1000
    if deadline is not None and time.monotonic() + late_by_s > deadline:
        raise EngineTimeout("the recorded answer took longer than the deadline allows")


def _generation_row(generation: Generation) -> Row:
    return {
        "text": generation.text,
        "finish": generation.finish,
        "label_scores": generation.label_scores,
        "prompt_tokens": generation.prompt_tokens,
        "generated_tokens": generation.generated_tokens,
    }
