"""A reason is a fixed sentence about what was measured."""

import pytest

from starter.namer import Named
from starter.reasons import reason

MUG = Named("a mug", "a leopard", exact=True)


@pytest.mark.parametrize(
    ("query", "product", "nearest", "said"),
    [
        (Named(thing="a leopard", exact=True), MUG, True, "a mug with a leopard, as in the image"),
        (Named(thing="an animal"), MUG, True, "a mug with a leopard, nearest to the query of all candidates"),
        (None, MUG, False, "a mug with a leopard"),
        (None, Named("a mug", "an animal"), False, "a mug"),
        (Named(), Named(), True, "nearest to the query of all candidates"),
        (Named(), Named(thing="food"), False, None),
        (None, Named(), False, None),
    ],
)
def test_one_sentence_for_each_case(query: Named | None, product: Named, nearest: bool, said: str | None) -> None:
    assert reason(query, product, nearest) == said
