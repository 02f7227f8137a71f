"""The strategy `reranker` against a real server that somebody has started: infinity, in an environment of its own.

    pip install "infinity-emb[server,torch]==0.0.78" "transformers<5" aiohttp
    infinity_emb v2 --model-id mixedbread-ai/mxbai-rerank-xsmall-v1 --engine torch --port 7997
    WITHTHIS_RERANKER_URL=http://127.0.0.1:7997 WITHTHIS_RERANKER_MODEL=mixedbread-ai/mxbai-rerank-xsmall-v1 \
    WITHTHIS_RERANKER_DIALECT=jina pytest -m soak -k real_rerank

`WITHTHIS_TEST_RERANKER_PATH`: the same weights, with which its scores are compared.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from rerank.candidates import Candidate
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.scorers.cross_encoder import CrossEncoderScorer
from rerank.strategies.reranker import RerankerStrategy
from service.search.reranking.trained import load_trained
from service.settings import load_settings

PROMPTS = PromptLibrary.load()
TITLES = ["Mug, red", "Cap, blue", "Poster", "Red mug with a rose", "A cap"]

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif("WITHTHIS_RERANKER_URL" not in os.environ, reason="no rerank server is named"),
]


def documents(count: int) -> list[Candidate]:
    return [Candidate(str(place), f"{TITLES[place % 5]} {place // 5}", None, 0.0) for place in range(count)]


def test_a_real_rerank_server() -> None:
    loaded = load_trained(load_settings().reranker.options())
    assert loaded is not None
    scorer, close = loaded
    try:
        strategy = RerankerStrategy(scorer, PROMPTS)
        outcome = strategy.rerank(Query("a red mug"), documents(100))
        assert outcome.degraded is None and sorted(outcome.ranking.order) == list(range(100))
        with ThreadPoolExecutor(16) as callers:
            again = callers.map(lambda _: strategy.rerank(Query("a red mug"), documents(30)), range(32))
            assert not any(one.degraded for one in again)
        if path := os.environ.get("WITHTHIS_TEST_RERANKER_PATH"):
            own = RerankerStrategy(CrossEncoderScorer.load(path), PROMPTS).rerank(Query("a red mug"), documents(100))
            assert outcome.ranking.scores == pytest.approx(own.ranking.scores, abs=2e-3)
    finally:
        close()
