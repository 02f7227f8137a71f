"""The grades that a judge gives.

Four points, as TREC's Deep Learning track has judged since 2019 (Craswell, Mitra, Yilmaz, Campos and Voorhees,
"Overview of the TREC 2019 Deep Learning Track"): irrelevant, related, highly relevant, perfectly relevant. The
definitions are ours, written for an image and a text that together describe a wish.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A grade with its short name and meaning."""

    grade: int
    name: str
    meaning: str


SCALE = (
    Point(0, "Irrelevant", "Matches nothing that the query asks for."),
    Point(1, "Related", "Matches only the image or only the sentence. Nobody who asked this wants it."),
    Point(2, "Highly relevant", "Matches both, except for a detail. A fair answer."),
    Point(3, "Perfectly relevant", "Exactly what the image and the sentence ask for."),
)
"""From the worst to the best. Measures that know only relevant and not count from 1; `R(rel=2)@10` counts from 2."""
