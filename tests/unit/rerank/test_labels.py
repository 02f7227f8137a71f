"""Labels are single capital letters."""

import pytest

from rerank.labels import MAX_LABELS, labels


def test_labels_follow_the_alphabet() -> None:
    assert labels(0) == ()
    assert labels(3) == ("A", "B", "C")
    assert len(set(labels(MAX_LABELS))) == MAX_LABELS == 26


@pytest.mark.parametrize("n", [-1, 27])
def test_there_are_only_so_many(n: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 26"):
        labels(n)
