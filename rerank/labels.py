"""The names candidates carry in a prompt: capital letters, because each is a single token in all supported tokenizers.

Numbers are not used: above 9 they are several tokens, and digits in prose are mistaken for answers.
"""

from string import ascii_uppercase

__all__ = ["LABELS", "MAX_LABELS", "labels"]

LABELS = ascii_uppercase
"""Every label there is, in order."""

MAX_LABELS = len(LABELS)
"""The most candidates one listwise call can name."""


def labels(n: int) -> tuple[str, ...]:
    """The labels of `n` candidates in retrieval order. ValueError unless 0 ≤ n ≤ 26."""
    if not 0 <= n <= MAX_LABELS:
        raise ValueError(f"between 0 and {MAX_LABELS} candidates can be labeled, not {n}")
    return tuple(LABELS[:n])
