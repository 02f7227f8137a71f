"""The OpenAI-compatible engine over a server of a test, and what it makes of it."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import Any

from rerank.engines.engine import EngineRequest
from rerank.engines.openai_compatible import ChatClient, Dialect, OpenAICompatibleEngine
from rerank.labels import LABELS
from rerank.prompts import PromptLibrary
from rerank.strategies.listwise import ListwiseStrategy
from rerank.strategies.strategy import RerankOutcome
from tests.unit.rerank.fakes import candidates, query, sample_image

PROMPTS = PromptLibrary.load()
RANKED = '{"ranking": ["C", "A", "E", "B", "D"], "reason": "it fits"}'
KEY = "sk-secret-0123456789"


def engine(url: str, *, retries: int = 2, dialect: Dialect = "vllm", **options: Any) -> OpenAICompatibleEngine:
    """An engine that does not wait between its tries."""
    client = ChatClient(url, api_key=KEY, retries=retries, sleep=lambda seconds: None)
    return OpenAICompatibleEngine(client, model="m", dialect=dialect, **options)


def rerank(url: str, *, seconds: float = 20.0, n: int = 5, image: bool = False, **options: Any) -> RerankOutcome:
    """What the listwise strategy makes of the server at `url` before a deadline."""
    asked = query() if image else replace(query(), image=None)
    with closing(engine(url, **options)) as opened:
        return ListwiseStrategy(opened, PROMPTS).rerank(asked, candidates(n), deadline=time.monotonic() + seconds)


def letters(outcome: RerankOutcome) -> str:
    return "".join(LABELS[place] for place in outcome.ranking.order)


def score_request(labels: str, prefix: str = "") -> EngineRequest:
    return EngineRequest(
        "which?", (sample_image(),), tuple(labels), answer_prefix=prefix, deadline=time.monotonic() + 20
    )
