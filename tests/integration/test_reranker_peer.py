"""Our client of rerank servers against our own routes for such clients: a real peer of five of the six dialects."""

from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from PIL import Image

from rerank.candidates import Candidate
from rerank.model_server.client import ModelServer
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.scorers.dialects import DIALECTS, DialectName
from rerank.scorers.remote import RemoteScorer
from rerank.scorers.scorer import ScorerInfo, Side
from rerank.strategies.reranker import RerankerStrategy
from tests.fakes import make_shop
from tests.integration.live import live

PROMPTS = PromptLibrary.load()
RED, BLUE = Image.new("RGB", (40, 40), "red"), Image.new("RGB", (40, 40), "blue")
SHOWN = [
    Candidate("a", "Cap, green", BLUE, 0.9),
    Candidate("b", "Mug, red", None, 0.8),
    Candidate("c", "Mug, blue", RED, 0.7),
]
QUERIES = {"vllm": Query("red mug", RED), "jina": Query(image=RED)}


class Telling:
    """The score tells what was read on each side, and of the instruction."""

    info = ScorerInfo("telling", "both", "both", instructable=True)

    def score(
        self, query: Side, documents: Sequence[Side], instruction: str, deadline: float | None = None
    ) -> list[float]:
        return [
            0.1 * _read(query) + 0.01 * _read(document) + 0.001 * len(document.text) + 1e-5 * len(instruction)
            for document in documents
        ]


def _read(side: Side) -> float:
    """2 for a red image, 1 for another one, and 4 for a text."""
    red = side.image is not None and side.image.getpixel((9, 9))[0] > 128  # type: ignore[index]
    return (1 + red if side.image is not None else 0) + (4 if side.text else 0)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    shop = make_shop(tmp_path_factory.mktemp("peer"), strategy=RerankerStrategy(Telling(), PROMPTS))
    with live(shop) as address:
        yield address


@pytest.mark.parametrize(
    ("dialect", "base"), [("vllm", "/v1"), ("jina", "/v1"), ("openrouter", "/v1"), ("cohere", "/v2"), ("tei", "")]
)
def test_what_is_asked_arrives_and_what_is_answered_is_read(url: str, dialect: DialectName, base: str) -> None:
    query, known = QUERIES.get(dialect, Query("red mug")), DIALECTS[dialect]
    with closing(RemoteScorer(ModelServer(url + base), dialect=dialect, model="withthis")) as scorer:
        remote = RerankerStrategy(scorer, PROMPTS).rerank(query, SHOWN)
    here = Telling()
    here.info = ScorerInfo("here", known.query, known.documents, instructable=True)
    local = RerankerStrategy(here, PROMPTS).rerank(query, SHOWN)
    assert remote.degraded is None and remote.ranking.order == local.ranking.order
    assert remote.ranking.scores == pytest.approx(local.ranking.scores, abs=1e-6)
