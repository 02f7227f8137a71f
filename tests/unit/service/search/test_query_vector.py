"""Weights and negative texts: which vector products are compared with."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rerank.query import Query
from service.errors import InvalidValue
from service.search.query_vector import away_from, center, check_weights, query_vector
from service.search.retrieval_types import QueryWeights
from service.stores.store import Vector
from tests.fakes import FakeEncoder
from tests.integration.records import unit

WEIGHING = replace(FakeEncoder.info, weighs_parts=True)


def test_a_plain_query_is_the_encoders_own_vector() -> None:
    encoder = FakeEncoder()
    vector, truncated = query_vector(encoder, [Query("a mug")])
    assert np.array_equal(vector, encoder.encode([Query("a mug")]).vectors[0]) and not truncated
    assert query_vector(encoder, [Query("x" * 101)])[1]


def test_weights_go_to_the_encoder_as_the_share_of_the_text() -> None:
    encoder = FakeEncoder()
    query_vector(encoder, [Query("a mug", Image.new("RGB", (4, 4)))], weights=QueryWeights(text=3, image=1))
    assert encoder.seen[0].text_share == 0.75


def test_a_negative_text_is_taken_away_by_its_weight() -> None:
    encoder = FakeEncoder()
    vector, truncated = query_vector(encoder, [Query("a mug")], unwanted=[Query("red" * 50)], negative_weight=0.5)
    query, negative = encoder.encode([Query("a mug"), Query("red" * 50)]).vectors
    expected = query - 0.5 * negative
    assert np.allclose(vector, expected / np.linalg.norm(expected), atol=1e-6)
    assert truncated and vector.dtype == np.float32


def test_products_are_in_the_order_of_their_similarity_less_that_to_what_is_not_wanted() -> None:
    encoder, products = FakeEncoder(), np.stack([unit(seed) for seed in range(60)])
    unwanted = [Query("red"), Query(None, Image.new("RGB", (4, 4), "red"))]
    vector, _ = query_vector(encoder, [Query("a mug")], unwanted=unwanted, negative_weight=0.7)
    query, *negatives = encoder.encode([Query("a mug"), *unwanted]).vectors
    expected = products @ query - 0.7 * np.mean([products @ one for one in negatives], axis=0)
    assert np.array_equal(np.argsort(-products @ vector), np.argsort(-expected))


IMAGES = st.lists(
    st.tuples(st.integers(0, 1000), st.floats(0.01, 1000)), min_size=2, max_size=5, unique_by=lambda one: one[0]
)


@given(images=IMAGES, order=st.randoms(use_true_random=False), scale=st.floats(0.01, 100))
@settings(max_examples=100, deadline=None)
def test_several_images_count_by_their_weights_whatever_their_order(
    images: list[tuple[int, float]], order: random.Random, scale: float
) -> None:
    def found(given: list[tuple[int, float]]) -> Vector:
        return center(np.stack([unit(seed) for seed, _ in given]), [weight for _, weight in given])

    shuffled = order.sample(images, len(images))
    vector = found(images)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5) and vector.dtype == np.float32
    assert np.allclose(found(shuffled), vector, atol=1e-5)
    assert np.allclose(found([(seed, weight * scale) for seed, weight in images]), vector, atol=1e-5)
    (seed, weight), *rest = images
    assert np.allclose(found([(seed, weight / 2), (seed, weight / 2), *rest]), vector, atol=1e-5)


def test_images_whose_embeddings_cancel_are_refused() -> None:
    with pytest.raises(InvalidValue, match="cancel each other"):
        center(np.stack([unit(1), -unit(1)]), [1.0, 1.0])


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
