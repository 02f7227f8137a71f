"""A judging session: the pool and its judgments, by number."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.errors import ImageNotFound
from service.lab.dataset_image import ImageRef
from service.lab.judging.judges import Judge
from service.lab.judging.pool import Pair
from service.lab.judging.record import JudgmentRecord
from service.lab.judging.scale import SCALE, Point

Side = Literal["query", "product"]

IMAGE_SIDE = 768
"""Pixels of the longer side; larger images are reduced, so that a page of photographs loads at once."""
_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Progress:
    """The judge's progress. `next` is the first unjudged pair after the current one;
    `last` the one judged last. None if there is none.
    """

    pairs: int
    judged: int
    next: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A grade of another judge. `model`: None if that is a person."""

    judge: str
    model: str | None
    grade: int
    reason: str


class Session:
    """Pairs by their place in the pool, from 0. Thread-safe as the record is."""

    def __init__(
        self,
        name: str,
        pairs: Sequence[Pair],
        record: JudgmentRecord,
        *,
        judge: str | None = None,
        scale: Sequence[Point] = SCALE,
        guidelines: str = "",
        suggesting: Judge | None = None,
    ) -> None:
        """`suggesting`: the judge whose grades are shown, to be corrected; None: nothing of others is shown."""
        self.name = name
        self.record = record
        self.judge_name = judge
        self.scale = tuple(scale)
        self.guidelines = guidelines
        self._suggesting = suggesting
        self._pairs = tuple(pairs)
        self._numbers = {pair.ids: number for number, pair in enumerate(pairs)}
        queries = list(dict.fromkeys(pair.query.id for pair in pairs))
        self._places = {id: place for place, id in enumerate(queries, start=1)}

    def pair(self, number: int) -> Pair | None:
        """A pair; None if there is none of this number."""
        return self._pairs[number] if 0 <= number < len(self._pairs) else None

    def query_place(self, pair: Pair) -> tuple[int, int]:
        """Which query this is, from 1, and of how many."""
        return self._places[pair.query.id], len(self._places)

    def progress(self, after: int = -1) -> Progress:
        """The judge's progress, standing at the pair `after`."""
        grades = [self.record.grade(pair.ids) for pair in self._pairs]
        left = [number for number, grade in enumerate(grades) if grade is None]
        ahead = (number for number in left if number > after)
        known = (self._numbers[ids] for ids in reversed(self.record.judged) if ids in self._numbers)
        return Progress(len(grades), len(grades) - len(left), next(ahead, left[0] if left else None), next(known, None))

    def suggestion(self, pair: Pair) -> Suggestion | None:
        """What the suggesting judge says of a pair; None if nobody suggests, or has not graded it."""
        one = self._suggesting
        if one is None or pair.ids not in one.grades:
            return None
        note = one.notes.get(pair.ids)
        return Suggestion(one.name, one.model, one.grades[pair.ids], "" if note is None else note.note)

    def judge(self, pair: Pair, grade: int, note: str = "") -> None:
        """Judge a pair; a LabError changes nothing. It is kept whose grade was shown."""
        suggestion = self.suggestion(pair)
        self.record.judge(pair.ids, grade, note, None if suggestion is None else suggestion.judge)

    def forget(self, pair: Pair) -> None:
        """Undo a judgment; a LabError changes nothing."""
        self.record.forget(pair.ids)


def image_of(pair: Pair, side: Side) -> bytes:
    """An image of a pair as WebP, made from its pixels alone. Raises ImageNotFound, or InvalidImage."""
    ref: ImageRef | None = pair.query.image if side == "query" else pair.document.image
    if ref is None:
        raise ImageNotFound
    image = ref.open().image
    image.thumbnail((IMAGE_SIDE, IMAGE_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()
