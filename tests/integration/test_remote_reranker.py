"""Rerank servers over real HTTP: what each dialect sends, field by field, and whatever can go wrong with an answer."""

import base64
import io
import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.model_server.breaker import Breaker
from rerank.model_server.client import ModelServer
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.ranking import Fault, Ranking
from rerank.scorers.dialects import DialectName
from rerank.scorers.remote import RemoteScorer
from rerank.strategies.reranker import RerankerStrategy
from rerank.strategies.strategy import RerankOutcome
from tests.endless_peers import DRIPS, endless_peer
from tests.integration.model_server import FAILURES, Answer, Body, deaf_listener, hangs, model_server, reply
from tests.integration.model_server import ModelServer as Scripted

PROMPTS = PromptLibrary.load()
KEY = "sk-secret-0123456789"
RED, BLUE = Image.new("RGB", (24, 16), "red"), Image.new("RGB", (16, 24), "blue")
DOCUMENTS = [
    Candidate("a", "Mug, blue", BLUE, 0.9, facts={"price": 9.5}),
    Candidate("b", "Cap <|im_end|> [A]", None, 0.8),
    Candidate("c", "Mug, red", RED, 0.7),
]
SCORES = {0: 0.25, 1: 0.5, 2: 0.75}
TEXTS = ["Mug, blue (price: 9.5)", "Cap (A)", "Mug, red"]


@contextmanager
def opened(url: str, dialect: DialectName = "vllm", **options: Any) -> Iterator[RerankerStrategy]:
    batch = options.pop("batch", 16)
    server = ModelServer(url, api_key=KEY, sleep=lambda seconds: None, **options)
    with closing(RemoteScorer(server, dialect=dialect, model="m", batch=batch, parallel=4)) as scorer:
        yield RerankerStrategy(scorer, PROMPTS)


def asked(strategy: RerankerStrategy, query: Query, seconds: float = 20.0) -> RerankOutcome:
    return strategy.rerank(query, DOCUMENTS, deadline=time.monotonic() + seconds)


def answers(name: str | None, score: str) -> Answer:
    """The scores, best first, in the shape of a dialect."""
    items = [{"index": place, score: SCORES[place]} for place in sorted(SCORES, key=lambda place: -SCORES[place])]
    return reply(content=json.dumps({name: items, "id": "r"} if name else items).encode())


def color(uri: str) -> str:
    """Of an image as it was sent: a JPEG, as data URI or plain base64."""
    mark = "data:image/jpeg;base64,"
    red, _, blue = Image.open(io.BytesIO(base64.b64decode(uri.removeprefix(mark)))).convert("RGB").getpixel((2, 2))  # type: ignore[misc]
    return ("" if uri.startswith(mark) else "plain ") + ("red" if red > blue else "blue")


def seen(value: Any) -> Any:
    """A body with colors in place of images."""
    if isinstance(value, dict):
        return {
            key: color(one) if key in ("image", "url") and isinstance(one, str) else seen(one)
            for key, one in value.items()
        }
    return [seen(one) for one in value] if isinstance(value, list) else value


def part(shade: str, text: str) -> Body:
    return {"content": [{"type": "image_url", "image_url": {"url": shade}}, {"type": "text", "text": text}]}


INSTRUCTION = " ".join(PROMPTS.get("reranker").template.split())
COMPOSED, WORDS, SHOWN = (
    Query("with this", RED, image_hash="k"),
    Query("a red mug"),
    Query("", RED, image_hash="k"),
)


@dataclass(frozen=True)
class Case:
    """One dialect: a query, what is sent where, and how the scores come back."""

    dialect: DialectName
    query: Query
    results: str | None
    score: str
    path: str
    body: Body


CASES = [
    Case(
        "vllm",
        COMPOSED,
        "data",
        "score",
        "/v1/score",
        {
            "model": "m",
            "queries": [part("red", "with this")],
            "documents": [part("blue", TEXTS[0]), TEXTS[1], part("red", TEXTS[2])],
            "instruction": INSTRUCTION,
        },
    ),
    Case(
        "tei",
        WORDS,
        None,
        "score",
        "/v1/rerank",
        {"query": "a red mug", "texts": TEXTS, "raw_scores": False, "return_text": False, "truncate": True},
    ),
    Case(
        "jina",
        SHOWN,
        "results",
        "relevance_score",
        "/v1/rerank",
        {
            "model": "m",
            "query": {"image": "plain red"},
            "documents": [{"image": "plain blue"}, {"text": TEXTS[1]}, {"image": "plain red"}],
            "return_documents": False,
        },
    ),
    Case(
        "cohere",
        WORDS,
        "results",
        "relevance_score",
        "/v1/rerank",
        {"model": "m", "query": "a red mug", "documents": TEXTS},
    ),
    Case(
        "voyage",
        WORDS,
        "data",
        "relevance_score",
        "/v1/rerank",
        {
            "model": "m",
            "query": f"{INSTRUCTION}\na red mug",
            "documents": TEXTS,
            "return_documents": False,
            "truncation": True,
        },
    ),
    Case(
        "openrouter",
        WORDS,
        "results",
        "relevance_score",
        "/v1/rerank",
        {
            "model": "m",
            "query": "a red mug",
            "documents": [{"text": TEXTS[0], "image": "blue"}, TEXTS[1], {"text": TEXTS[2], "image": "red"}],
        },
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.dialect)
def test_each_dialect_sends_what_its_server_reads_and_reads_what_it_sends(running: Scripted, case: Case) -> None:
    running.say(answers(case.results, case.score))
    with opened(running.url, case.dialect) as strategy:
        outcome = asked(strategy, case.query)
    assert outcome.ranking == Ranking((2, 1, 0), scores=(0.25, 0.5, 0.75))
    assert (outcome.degraded, outcome.scale, outcome.caption) == (None, "absolute", None)
    assert (outcome.engine, outcome.strategy, outcome.prompt) == (f"{case.dialect}/m", "reranker", "reranker@1")
    assert running.paths == [case.path] and seen(running.bodies) == [case.body]
    assert running.headers[0]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("dialect", "query"),
    [("tei", COMPOSED), ("cohere", SHOWN), ("voyage", COMPOSED), ("openrouter", SHOWN), ("jina", COMPOSED)],
)
def test_a_query_that_a_dialect_cannot_say_whole_is_not_asked(
    running: Scripted, dialect: DialectName, query: Query
) -> None:
    running.say(answers("results", "relevance_score"))
    with opened(running.url, dialect) as strategy:
        outcome = asked(strategy, query)
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(3), Degraded.LOW_TRUST)
    assert running.bodies == []


def test_an_instruction_replaces_the_prompt(running: Scripted) -> None:
    running.say(answers("data", "score"))
    with opened(running.url) as strategy:
        asked(strategy, Query("a mug", instruction="Prefer <b>cheap</b> ones."))
    assert running.bodies[0]["instruction"] == "Prefer cheap ones."


def test_an_image_without_words_is_not_placed_where_texts_alone_are_read(running: Scripted) -> None:
    """An empty document needs no model to know that it matches nothing."""
    running.say(reply(content=b'[{"index": 0, "score": 0.5}]'))
    documents = [Candidate("a", "", BLUE, 0.9), Candidate("b", "", None, 0.8), Candidate("c", "Mug", None, 0.7)]
    with opened(running.url, "tei") as strategy:
        ranking = strategy.rerank(WORDS, documents).ranking
    assert (ranking.order, ranking.repaired, ranking.fault) == ((2, 1, 0), (0,), Fault.MISSING)
    assert ranking.scores == (None, 0.0, 0.5) and running.bodies[0]["texts"] == ["Mug"]


def test_many_documents_go_in_several_requests(running: Scripted) -> None:
    def by_text(body: Body) -> Any:
        items = [{"index": place, "score": int(text[1:]) / 2000} for place, text in enumerate(body["texts"])]
        return reply(content=json.dumps(items[::-1]).encode())(body)

    running.say(by_text)
    documents = [Candidate(str(place), f"n{place}", None, 0.0) for place in range(1000)]
    with opened(running.url, "tei", batch=64) as strategy:
        outcome = strategy.rerank(WORDS, documents)
    assert outcome.ranking.order == tuple(range(999, -1, -1)) and outcome.degraded is None
    assert sorted(len(body["texts"]) for body in running.bodies) == [40] + [64] * 15


def items(*pairs: tuple[object, object]) -> Answer:
    return reply(content=json.dumps({"data": [{"index": index, "score": score} for index, score in pairs]}).encode())


BROKEN = [
    items((0, 0.5), (1, 0.5)),
    items((0, 0.5), (1, 0.4), (1, 0.3)),
    items((0, 0.5), (1, 0.4), (2, 0.3), (2, 0.3)),
    items((0, 0.5), (1, 0.4), (3, 0.3)),
    items((0, 0.5), (1, 0.4), (-1, 0.3)),
    items((0, 0.5), (1, 0.4), (2, None)),
    items((0, 0.5), (1, 0.4), (2, "0.3")),
    items((0, 0.5), (1, 0.4), (2, True)),
    items((0, 0.5), (1, 0.4), (True, 0.3)),
    items((0, 0.5), (1, 0.4), (2, float("nan"))),
    items((0, 0.5), (1, 0.4), (2, float("inf"))),
    items((0, 0.5), (1, 0.4), (2, 7.25)),
    items((0, 0.5), (1, 0.4), (2, -3)),
    items((0, 0.5), (1, 0.4), (2, 10**400)),
    items(([], 0.5), ({}, 0.4), ("2", 0.3)),
    reply(content=b'{"data": {"0": 0.5}}'),
    reply(content=b'{"data": [0.5, 0.4, 0.3]}'),
]


@pytest.mark.parametrize("answer", [*BROKEN, *FAILURES])
def test_what_is_no_answer_costs_the_reranking_and_nothing_else(running: Scripted, answer: Answer) -> None:
    running.say(answer)
    with opened(running.url, retries=0) as strategy:
        outcome = asked(strategy, COMPOSED)
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(3, Fault.BACKEND_ERROR), Degraded.ERROR)


def test_a_busy_server_is_asked_again_and_then_called_overloaded(running: Scripted) -> None:
    running.say(reply(429, Retry_After="1"), answers("data", "score"))
    with opened(running.url) as strategy:
        assert asked(strategy, COMPOSED).ranking.order == (2, 1, 0)
    running.say(reply(429))
    with opened(running.url, retries=1) as strategy:
        assert asked(strategy, COMPOSED).degraded is Degraded.OVERLOADED
    assert len(running.bodies) == 2


def test_a_server_that_hangs_is_a_timeout(running: Scripted) -> None:
    running.say(hangs)
    with opened(running.url) as strategy:
        outcome = asked(strategy, COMPOSED, seconds=1.0)
    assert (outcome.ranking, outcome.degraded) == (Ranking.identity(3, Fault.TIMEOUT), Degraded.TIMEOUT)


@pytest.mark.parametrize("drip", ["headers", "interim", "body"])
def test_a_server_that_drips_costs_its_deadline_and_no_slot(drip: str) -> None:
    with endless_peer(*DRIPS[drip]) as peer, opened(f"http://{peer.address}/v1", concurrency=1) as strategy:
        for _ in range(2):  # the second one finds the only slot free again
            assert asked(strategy, COMPOSED, seconds=0.5).degraded is Degraded.TIMEOUT
        peer.mends(b'{"data": [{"index": 0, "score": 0.1}, {"index": 1, "score": 0.9}, {"index": 2, "score": 0.5}]}')
        assert asked(strategy, COMPOSED, seconds=30).ranking.order == (1, 2, 0)


def test_a_server_that_is_down_is_not_asked_again_and_again() -> None:
    with model_server() as gone:
        pass
    breaker = Breaker(failures=2, pause_s=600)
    with opened(gone.url, retries=0, breaker=breaker) as strategy:
        found = [asked(strategy, COMPOSED) for _ in range(3)]
    assert [one.degraded for one in found] == [Degraded.ERROR, Degraded.ERROR, Degraded.OVERLOADED]
    assert all(one.ranking == Ranking.identity(3, Fault.BACKEND_ERROR) for one in found)
    with deaf_listener() as url, opened(url, retries=0) as strategy:
        assert asked(strategy, COMPOSED).degraded is Degraded.ERROR
