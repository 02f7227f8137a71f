"""Do the reranker's scores mean anything? Tried with products of the demo shop, without a catalog."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.strategies.self_retrieval import ControlFailed, found_first
from rerank.strategies.strategy import Strategy
from rerank.strategies.watched import WatchedStrategy
from service.support.self_retrieval import PRODUCTS, WAYS, verdict

MEANINGLESS = (
    "Its scores do not tell products apart, whatever is asked. Models that are served without their own head or chat "
    "template answer like this, as about 0.5 for everything: the model's card says how to serve it."
)
NO_ANSWER = "It does not answer ({reason}); the log says more."
TOO_SLOW = "it is too slow to be tried here"


@cache
def probe_products() -> tuple[Candidate, ...]:
    """Six products of the demo shop, of different motifs."""
    from starter.catalogue import demo_products  # noqa: PLC0415 (draws them)

    return tuple(
        Candidate(product.id, product.title, image, 0.0, f"probe-{product.id}")
        for product, image in demo_products(PRODUCTS)
    )


def probe_scores(strategy: Strategy, products: Sequence[Candidate], deadline: float | None = None) -> str | None:
    """What is wrong with a strategy's answers, in sentences; None if nothing was found.

    Ways of asking that the model does not take are left out. TimeoutError if the deadline passes before the end.
    """
    asked = strategy.base if isinstance(strategy, WatchedStrategy) else strategy

    def found(way: str) -> int | None:
        texts, images = WAYS[way]
        try:
            return found_first(asked, products, texts=texts, images=images, deadline=deadline)
        except ControlFailed as failed:
            if failed.degraded is not Degraded.LOW_TRUST:
                raise
            return None

    try:
        return verdict(found, MEANINGLESS)
    except ControlFailed as failed:
        if failed.degraded is Degraded.TIMEOUT:
            raise TimeoutError from failed
        return NO_ANSWER.format(reason=failed.degraded)
