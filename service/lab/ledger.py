"""What a query costs, separate from the cost of measuring it.

Model answers are cached and reused (`EmbeddingCache`, `RecordedEngine`), so a search takes less wall-clock time than it
would in production. Whatever answers from the cache records the difference here, by stage, and the runner adds
it to the times of the search. The ledger follows a search into the reranker's thread, which copies the context.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal["embed", "caption", "rerank"]


@dataclass
class Ledger:
    """The account of one search. `extra_ms` is to be added to the clock's times; negative where measuring took time.

    `prompt_tokens` and `generated_tokens` count every generating call that the search stands for.
    """

    extra_ms: dict[Stage, float] = field(default_factory=dict)
    prompt_tokens: int = 0
    generated_tokens: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def book(self, stage: Stage, ms: float, *, prompt_tokens: int = 0, generated_tokens: int = 0) -> None:
        """Add to the account."""
        with self._lock:
            self.extra_ms[stage] = self.extra_ms.get(stage, 0.0) + ms
            self.prompt_tokens += prompt_tokens
            self.generated_tokens += generated_tokens

    @property
    def rerank_extra_ms(self) -> float:
        """The time that the reranker's deadline was spared so far: captioning and ranking."""
        return self.extra_ms.get("caption", 0.0) + self.extra_ms.get("rerank", 0.0)


_current: ContextVar[Ledger | None] = ContextVar("lab_ledger", default=None)


@contextmanager
def new_ledger() -> Iterator[Ledger]:
    """Record the searches made in this block."""
    ledger = Ledger()
    token = _current.set(ledger)
    try:
        yield ledger
    finally:
        _current.reset(token)


def current_ledger() -> Ledger:
    """The account of the search in progress; one that nothing reads where none was opened."""
    return _current.get() or Ledger()
