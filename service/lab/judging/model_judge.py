"""A vision-language model as a judge: it sees what people see, pair by pair, and says a grade and a reason.

Verdicts are kept by content: all that the model is shown, and the model. What changes (guidelines, scale, images,
weights) is judged again, and nothing else is. No answer in time, a failure, and an answer that cannot be read are no
grades: they are counted, and asked for again by the next run.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from rerank.candidates import Candidate
from rerank.engines.engine import Engine, EngineRequest
from rerank.errors import EngineOverloaded, EngineTimeout
from rerank.model_server.side_by_side import side_by_side
from rerank.prompts import Prompt
from rerank.query import Query
from rerank.ranking import Fault
from rerank.sanitize import clean_text
from rerank.strategies.prompting import match_values
from rerank.strategies.scores import checked
from rerank.strategies.shown_images import images_for
from rerank.thumbnails import ThumbnailCache
from service.errors import InvalidImage
from service.images.decode import DecodedImage, ImageLimits
from service.lab.dataset_image import ImageRef
from service.lab.digests import digest
from service.lab.journal import Journal
from service.lab.judging.notes import Ids
from service.lab.judging.pool import Pair
from service.lab.judging.scale import Point
from service.lab.judging.verdict import Verdict, read_verdict

DESCRIPTION_LIMIT, GUIDELINE_LIMIT = 1000, 500
"""Characters of a product's description, and of a line of the guidelines, that a prompt holds."""
FAILURES_IN_A_ROW = 20
"""So many calls without an answer end a run: the server is down, or the model cannot take the images."""

_ANSWER = '{"grade": "'
"""The beginning of an answer of which the grade is the next thing."""

_CELL = ("?",)
"""The mark on the one product of a panel."""
_PER_ROUND = 4
"""Pairs for each of the calls that are made at a time, before it is said how far the work is."""


class Missing(StrEnum):
    """Why a pair has no grade."""

    UNREADABLE = "the answer cannot be read as a grade"
    TIMEOUT = "no answer came in time"
    OVERLOADED = "the model server is overloaded"
    FAILED = "the call failed"
    IMAGE = "an image cannot be used"


@dataclass(frozen=True, slots=True)
class Brief:
    """What a model is told besides the pair, and how long one answer may take."""

    prompt: Prompt
    scale: Sequence[Point]
    guidelines: str
    limits: ImageLimits
    timeout_s: float
    reasons: bool = True
    """Whether the answer is written, with a reason, or the likeliest grade is taken."""


@dataclass
class Judged:
    """What a run came to."""

    verdicts: dict[Ids, Verdict] = field(default_factory=dict)
    fresh: int = 0
    """Grades that were given now; the others were known."""
    missing: Counter[Missing] = field(default_factory=Counter)
    """Pairs without a grade."""
    last_error: str = ""
    """What the engine said last about a call that failed."""
    stopped: bool = False
    """Whether the run ended early, as nothing was answered any more."""


class ModelJudge:
    """Asks an engine for grades."""

    def __init__(self, engine: Engine, brief: Brief, journal: Journal, *, parallel: int = 1) -> None:
        """`journal`: the verdicts of this engine. `parallel`: how many pairs are asked for at a time. Raises
        ExperimentError for a damaged journal.
        """
        self._engine = engine
        self._brief = brief
        self._journal = journal
        self._parallel = parallel
        self._grades = {point.grade for point in brief.scale}
        self._known = dict(journal.load(lambda row: (row["key"], Verdict(row["grade"], row["reason"], Fault.OK))))
        self._thumbnails = ThumbnailCache()

    def recall(self, pairs: Sequence[Pair], progress: Callable[[int], None], judged: Judged) -> list[Pair]:
        """Take what is known into `judged`, and return the pairs that have to be asked for."""
        pending = []
        for done, pair in enumerate(pairs, start=1):
            try:
                known = self._known.get(_key(self._request(pair)))
            except InvalidImage:
                judged.missing[Missing.IMAGE] += 1
            else:
                if known is None:
                    pending.append(pair)
                else:
                    judged.verdicts[pair.ids] = known
            progress(done)
        return pending

    def judge(self, pairs: Sequence[Pair], progress: Callable[[int], None], judged: Judged) -> None:
        """Ask for grades, into `judged`, which is right at any moment; `progress` is told how many are done."""
        failures, step = 0, self._parallel * _PER_ROUND
        for start in range(0, len(pairs), step):
            some = pairs[start : start + step]
            for pair, outcome in zip(some, side_by_side(self._outcome, some, self._parallel), strict=True):
                failures = failures + 1 if isinstance(outcome, Exception) else 0
                if isinstance(outcome, Verdict):
                    judged.verdicts[pair.ids] = outcome
                    judged.fresh += 1
                elif isinstance(outcome, Missing):
                    judged.missing[outcome] += 1
                else:
                    judged.missing[_reason(outcome)] += 1
                    judged.last_error = str(outcome)
            progress(start + len(some))
            if failures >= FAILURES_IN_A_ROW:
                judged.stopped = True
                return

    def _outcome(self, pair: Pair) -> Verdict | Missing | Exception:
        """The grade of a pair, or why there is none: for a call that failed, its error."""
        try:
            request = self._request(pair)
            verdict = self._written(request) if self._brief.reasons else self._likeliest(request)
        except InvalidImage:
            return Missing.IMAGE
        except Exception as error:  # declared fault boundary: an engine may raise anything
            return error
        if verdict.grade is None:
            return Missing.UNREADABLE
        self._journal.append({"key": _key(request), "grade": verdict.grade, "reason": verdict.reason})
        return verdict

    def _written(self, request: EngineRequest) -> Verdict:
        answer = self._engine.generate(request)
        return read_verdict(answer.text, self._grades, truncated=answer.finish == "length")

    def _likeliest(self, request: EngineRequest) -> Verdict:
        """The grade with the highest logit; none where all of them have the same."""
        (row,) = self._engine.score([request])
        scores = checked(row, len(request.labels))
        if len(set(scores)) < 2:
            return Verdict(None, "", Fault.FLAT_SCORES)
        return Verdict(int(request.labels[scores.index(max(scores))]), "", Fault.OK)

    def _request(self, pair: Pair) -> EngineRequest:
        """What the model is shown. Raises InvalidImage."""
        brief, document = self._brief, pair.document
        query, shown = self._opened(pair.query.image), self._opened(document.image)
        asked: Query = Query(pair.query.text)
        if query is not None:
            asked = Query(pair.query.text, query.image, image_hash=query.content_hash)
        facts = {**document.attributes, "category": document.category, "price": document.price}
        image, key = (shown.image, shown.content_hash) if shown else (None, None)
        product = Candidate(document.id, document.title, image, 0.0, key, facts)
        text = brief.prompt.render(
            **match_values(asked, product, None, brief.prompt.facts),
            description=clean_text(document.description, DESCRIPTION_LIMIT),
            scale="\n".join(_described(point) for point in brief.scale),
            guidelines="\n".join(clean_text(line, GUIDELINE_LIMIT) for line in brief.guidelines.splitlines()),
        )
        images, keys, _ = images_for(asked, [product], _CELL, brief.prompt.layout, self._thumbnails)
        deadline = time.monotonic() + brief.timeout_s
        labels = () if brief.reasons else tuple(str(point.grade) for point in brief.scale)
        return EngineRequest(text, images, labels, brief.prompt.max_new_tokens, _ANSWER, deadline, keys)

    def _opened(self, ref: ImageRef | None) -> DecodedImage | None:
        return None if ref is None else ref.open(self._brief.limits)


def _key(request: EngineRequest) -> str:
    """Everything that the model is shown, as one hash."""
    shown, labels = request.images, request.labels
    return digest(request.prompt, request.max_new_tokens, len(labels), *labels, len(shown), *shown)


def _described(point: Point) -> str:
    """A grade as the model reads it: "2: Highly relevant. Matches both, except for a detail."."""
    name = clean_text(point.name, GUIDELINE_LIMIT)
    return f"{point.grade}: {name}. {clean_text(point.meaning, GUIDELINE_LIMIT)}".strip()


def _reason(error: Exception) -> Missing:
    match error:
        case EngineTimeout():
            return Missing.TIMEOUT
        case EngineOverloaded():
            return Missing.OVERLOADED
    return Missing.FAILED
