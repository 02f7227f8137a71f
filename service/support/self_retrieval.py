"""What it means if products are not found by themselves; for rerankers and encoders alike.

Each of six products is searched for by its own text and image, by its text, and by its image. By chance, or by whoever
ignores the query, one of them is found. Chance finds five or more of six in 1 of 1,505 trials.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

PRODUCTS, LEAST = 6, 5
"""Products of a probe, and how many of them have to be found."""

WAYS: Mapping[str, tuple[bool, bool]] = {
    "text and image": (True, True),
    "text alone": (True, False),
    "image alone": (False, True),
}
"""Whether the text and the image of a product are the query."""

_BLIND = {"text alone": "It does not read texts.", "image alone": "It does not look at images."}
_JOINT = "It does not take text and image together."


def verdict(found: Callable[[str], int | None], nothing_works: str) -> str | None:
    """What is wrong, in sentences; None if nothing was found.

    `found`: how many of the products are found in a way; None if it cannot be asked like that. `nothing_works`: what to
    say if no way finds enough.
    """
    counts = {way: count for way in WAYS if (count := found(way)) is not None}
    failed = [way for way, count in counts.items() if count < LEAST]
    if not failed:
        return None
    causes = [nothing_works] if len(failed) == len(counts) else [_BLIND[way] for way in failed if way in _BLIND]
    told = ", ".join(f"{count} by {way}" for way, count in counts.items())
    return f"{' '.join(causes) or _JOINT} Of {PRODUCTS} products, these were found by themselves: {told}."
