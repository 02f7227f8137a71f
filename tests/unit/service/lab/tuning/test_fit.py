"""Training on pools of different sizes: what fills the smaller ones teaches nothing and breaks nothing."""

from __future__ import annotations

import numpy as np

from service.lab.tuning.examples import NONE, Examples
from service.lab.tuning.fit import train


def examples(*, filled: bool) -> Examples:
    """Two queries that want the second of their documents; `filled`: the second query has a third document."""
    documents = np.eye(4, dtype=np.float32)
    pools = np.array([[0, 1, 2], [0, 1, 3 if filled else NONE]], np.int64)
    return Examples(("a", "b"), documents[[0, 0]], pools, np.array([[0, 3, 0]] * 2, np.float32), documents)


def test_a_pool_may_be_smaller_than_others() -> None:
    found = train(examples(filled=False), 20, rank=1)
    assert all(np.isfinite(part).all() for part in (found.down, found.up, found.shift))
    moved = found.apply(np.eye(4, dtype=np.float32)[:1])[0]
    assert moved[1] > 0.05 > abs(moved[3]) and not np.array_equal(
        found.shift, train(examples(filled=True), 20, rank=1).shift
    )
