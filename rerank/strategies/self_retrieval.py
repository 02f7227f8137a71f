"""Whether a reranker finds products by themselves: the least that scores with a meaning can do.

A product's own text and image are the query, and it stands among others. A reranker that is served with the wrong head
or chat template, that ignores the query or one side's images, or that guesses, puts it first no more often than chance.
"""

from collections.abc import Sequence

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.query import Query
from rerank.strategies.strategy import Strategy

__all__ = ["ControlFailed", "found_first"]


class ControlFailed(Exception):  # noqa: N818 (it says nothing about the scores)
    """The reranker gave no answer; `degraded` says why."""

    def __init__(self, degraded: Degraded) -> None:
        super().__init__(degraded)
        self.degraded = degraded


def found_first(
    strategy: Strategy,
    products: Sequence[Candidate],
    *,
    texts: bool = True,
    images: bool = True,
    deadline: float | None = None,
) -> int:
    """How many of n products come first for themselves; by chance, and for whoever ignores the query, it is one.

    `texts`, `images`: what of a product is the query. Each time the product stands at another place, so that an order
    by place finds one as well. A product that shares its score with another one is not found.

    Raises:
        ControlFailed: the reranker did not answer, or cannot be asked in this way.
    """
    n, found = len(products), 0
    for place, product in enumerate(products):
        shift = (2 * place + 1) % n
        query = _as_query(product, texts, images)
        found += _is_first(product, strategy, query, [*products[shift:], *products[:shift]], deadline)
    return found


def _as_query(product: Candidate, texts: bool, images: bool) -> Query:
    return Query(
        product.title if texts else None,
        product.image if images else None,
        image_hash=product.image_hash if images else None,
        caption="",  # none is to be made for it
    )


def _is_first(
    product: Candidate, strategy: Strategy, query: Query, shown: Sequence[Candidate], deadline: float | None
) -> bool:
    outcome = strategy.rerank(query, shown, deadline=deadline)
    if outcome.degraded is not None:
        raise ControlFailed(outcome.degraded)
    first, scores = outcome.ranking.order[0], outcome.ranking.scores
    if scores is not None and sum(score == scores[first] for score in scores) > 1:
        return False
    return shown[first] is product
