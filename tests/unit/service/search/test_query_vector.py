"""Weights and negative texts: which vector products are compared with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from rerank.query import Query
from service.errors import InvalidValue
from service.search.query_vector import away_from, check_weights, query_vector
from service.search.retrieval_types import Negative, QueryWeights
from tests.fakes import FakeEncoder
from tests.integration.records import unit

WEIGHING = replace(FakeEncoder.info, weighs_parts=True)


def test_a_plain_query_is_the_encoders_own_vector() -> None:
    encoder = FakeEncoder()
    vector, truncated = query_vector(encoder, Query("a mug"), None, None)
    assert np.array_equal(vector, encoder.encode([Query("a mug")]).vectors[0]) and not truncated
    assert query_vector(encoder, Query("x" * 101), None, None)[1]


def test_weights_go_to_the_encoder_as_the_share_of_the_text() -> None:
    encoder = FakeEncoder()
    query_vector(encoder, Query("a mug", Image.new("RGB", (4, 4))), QueryWeights(text=3, image=1), None)
    assert encoder.seen[0].text_share == 0.75


def test_a_negative_text_is_taken_away_by_its_weight() -> None:
    encoder = FakeEncoder()
    vector, truncated = query_vector(encoder, Query("a mug"), None, Negative("red" * 50, 0.5))
    query, negative = encoder.encode([Query("a mug"), Query("red" * 50)]).vectors
    expected = query - 0.5 * negative
    assert np.allclose(vector, expected / np.linalg.norm(expected), atol=1e-6)
    assert truncated and vector.dtype == np.float32


@pytest.mark.parametrize("weight", [0.05, 0.5, 1.0])
def test_the_result_is_a_unit_vector_further_from_the_negative(weight: float) -> None:
    for seed in range(50):
        moved = away_from(unit(seed), unit(seed + 1000), weight)
        assert np.linalg.norm(moved) == pytest.approx(1, abs=1e-5)
        assert float(moved @ unit(seed + 1000)) < float(unit(seed) @ unit(seed + 1000))


def test_a_negative_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(InvalidValue, match="negative_weight"):
        away_from(unit(1), unit(1), 1.0)
    assert np.allclose(away_from(unit(1), unit(1), 0.5), unit(1), atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "info", "composed", "words"),
    [
        (QueryWeights(0, 0), WEIGHING, True, "not both 0"),
        (QueryWeights(-1, 2), WEIGHING, True, "0 or more"),
        (QueryWeights(1, 2), FakeEncoder.info, True, "cannot weight them.*clip"),
        (QueryWeights(1, 2), WEIGHING, False, "Give both"),
    ],
)
def test_weights_that_cannot_be_used(weights: QueryWeights, info: object, composed: bool, words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        check_weights(weights, info, composed=composed)  # type: ignore[arg-type]


def test_weights_that_can() -> None:
    check_weights(QueryWeights(0, 1), WEIGHING, composed=True)
