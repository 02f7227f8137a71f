"""`rerank.explain` over HTTP: what the model saw and wrote, bounded, and only for those who ask."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rerank.candidates import Candidate
from rerank.query import Query
from rerank.strategies.strategy import RerankOutcome
from service.server.mapping import explanation
from tests.conftest import open_client
from tests.fakes import FakeStrategy, make_shop

RAW = '{"ranking": ["B", "A"], "reason": "<b>it shows it</b>"}'


def noise(side: int) -> Image.Image:
    """An image that no encoder makes small, unless it loses something."""
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (side, side, 3), dtype=np.uint8))


@dataclass
class Telling(FakeStrategy):
    """Tells what it saw and wrote."""

    raw: str = RAW
    panel: Image.Image | None = None

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        *,
        prompt: str | None = None,
        deadline: float | None = None,
    ) -> RerankOutcome:
        outcome = super().rerank(query, candidates, prompt=prompt, deadline=deadline)
        shown = tuple(candidate.id for candidate in candidates)
        return replace(outcome, raw=self.raw, panel=self.panel, shown=shown, prompt_tokens=118, generated_tokens=31)


def explain(folder: Path, strategy: Telling, **rerank: object) -> Any:
    with open_client(make_shop(folder, strategy=strategy)) as client:
        response = client.post("/v1/search", json={"text": "a mug", "limit": 9, "rerank": rerank})
        assert response.status_code == 200
        return response.json()


def test_nothing_is_told_unless_asked_for(tmp_path: Path) -> None:
    assert explain(tmp_path, Telling(panel=noise(8)))["explanation"] is None
    assert explain(tmp_path, Telling(panel=noise(8)), explain=False)["explanation"] is None
    assert explain(tmp_path, Telling(), explain=True, enabled=False)["explanation"] is None


def test_what_the_model_saw_and_wrote(tmp_path: Path) -> None:
    panel = noise(40)
    answer = explain(tmp_path, Telling(panel=panel), explain=True)
    told = answer["explanation"]
    assert told["raw"] == RAW
    assert told["raw_truncated"] is False
    assert (told["prompt_tokens"], told["generated_tokens"]) == (118, 31)
    retrieved = sorted(answer["results"], key=lambda result: result["retrieval_rank"])
    assert told["shown"] == [
        {"label": label, "product_id": result["product"]["id"]}
        for label, result in zip("ABCDEFGHI", retrieved, strict=True)
    ]
    head, _, data = told["panel"]["data"].partition(",")
    assert head == "data:image/png;base64"
    seen = Image.open(io.BytesIO(base64.b64decode(data)))
    assert np.array_equal(np.asarray(seen), np.asarray(panel))  # pixel by pixel
    assert (told["panel"]["width"], told["panel"]["height"], told["panel"]["exact"]) == (40, 40, True)


def test_an_answer_that_could_not_be_used_is_told_too(tmp_path: Path) -> None:
    strategy = Telling(raw="I cannot rank these.", degraded="rerank_error")
    answer = explain(tmp_path, strategy, explain=True)
    assert answer["rerank"]["applied"] is False
    assert answer["explanation"]["raw"] == "I cannot rank these."


def test_a_failed_model_has_nothing_to_tell(tmp_path: Path) -> None:
    assert explain(tmp_path, Telling(raises=RuntimeError("broken")), explain=True)["explanation"] is None


def test_everything_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explanation, "MAX_PANEL_BYTES", 10_000)
    told = explain(tmp_path, Telling(raw="x" * 20_000, panel=noise(120)), explain=True)["explanation"]
    assert len(told["raw"]) == explanation.MAX_RAW_CHARS
    assert told["raw_truncated"] is True
    assert told["panel"]["exact"] is False
    assert told["panel"]["data"].startswith("data:image/jpeg;base64,")
