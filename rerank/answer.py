"""What surrounds the labels in an answer: `{"ranking": ["G", "A", …], "reason": "…"}`."""

__all__ = ["ANSWER_PREFIX", "ANSWER_SEPARATOR", "ANSWER_SUFFIX"]

ANSWER_PREFIX = '{"ranking": ["'
ANSWER_SEPARATOR = '", "'
ANSWER_SUFFIX = '"], "reason": "'
"""After it the reason and `"}` follow freely."""
