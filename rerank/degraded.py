"""Why an answer is in retrieval order although reranking was requested."""

from enum import StrEnum

__all__ = ["Degraded"]


class Degraded(StrEnum):
    """The reason, as an answer gives it in `rerank.degraded`."""

    TIMEOUT = "rerank_timeout"
    """No answer before the deadline."""
    ERROR = "rerank_error"
    """The engine failed."""
    OVERLOADED = "rerank_overloaded"
    """The engine, or the queue for it, had no room."""
    UNUSABLE = "rerank_unusable"
    """The model answered, but nothing in its answer could be read as a ranking."""
    LOW_TRUST = "rerank_low_trust"
    """Its order would say less than that of retrieval."""
