"""The benchmark of recall: its vectors, its truth and its count."""

from __future__ import annotations

import numpy as np

from benchmarks.demo_vectors import spread
from benchmarks.recall import K, fill, measure, records, sheet, truth
from service.encoders.encoder import EncoderInfo
from service.stores.exact.exact_store import ExactStore
from service.stores.store import Vector


def clusters(rows: int) -> Vector:
    """Unit vectors in two tight clusters."""
    dice = np.random.default_rng(1)
    centers = np.eye(8, dtype=np.float32)[:2]
    found = centers[np.arange(rows) % 2] + dice.normal(scale=0.05, size=(rows, 8)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def test_further_vectors_stay_in_their_clusters() -> None:
    real = clusters(60)
    more = spread(real, 500)
    assert more.shape == (500, 8) and more.dtype == np.float32 and np.array_equal(more[:60], real)
    assert np.allclose(np.linalg.norm(more, axis=1), 1, atol=1e-5)
    assert float((more @ real.T).max(axis=1).min()) > 0.8
    assert len(np.unique(more.round(6), axis=0)) > 495  # chance may take the same three twice
    assert np.array_equal(spread(real, 10), real[:10])


def test_exact_search_finds_everything_and_a_store_without_half_the_rows_does_not() -> None:
    vectors, queries = clusters(200), clusters(7)
    info = EncoderInfo("recall", 8, "recall-1", frozenset({"image"}), 16)
    least = truth(vectors, queries)
    assert [sum(vectors @ query >= tenth - 1e-6) for query, tenth in zip(queries, least, strict=True)] == [K] * 7
    whole, half = ExactStore(), ExactStore()
    fill(whole, records(vectors), info)
    fill(half, records(vectors)[::2], info)
    assert measure("exact", "-", whole, queries, least).recall == 1.0
    missing = measure("half", "-", half, queries, least)
    assert missing.worst <= missing.recall < 1.0 and missing.per_second > 0
    assert sheet([missing], "half of the rows").rows[0]["ratio to exact"] == 1.0
