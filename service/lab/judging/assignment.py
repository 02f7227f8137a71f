"""Who judges what: every judge sees the queries of the overlap, and each of the others is one judge's alone.

A query's products are judged by the same person, as at TREC: a grade is given with the others of its query in mind.
"""

from __future__ import annotations

from collections.abc import Sequence

from service.lab.judging.pool import Pair, lot


def assigned(
    pairs: Sequence[Pair], judge: str, judges: Sequence[str], *, overlap: float, seed: int
) -> tuple[Pair, ...]:
    """The pairs of one of the judges, in their order. Seed and query alone decide, so further queries move nothing."""
    return tuple(pair for pair in pairs if _sees(judge, judges, pair.query.id, overlap, seed))


def _sees(judge: str, judges: Sequence[str], query: str, overlap: float, seed: int) -> bool:
    if lot(seed, "overlap", query) < overlap:
        return True
    return judges[int(lot(seed, "judge", query) * len(judges))] == judge
