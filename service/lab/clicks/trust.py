"""Whether an estimate from a log can be trusted, in words."""

from __future__ import annotations

from collections.abc import Iterator

from service.lab.clicks.counterfactual import Counterfactual, Estimator
from service.lab.clicks.model_choice import Perplexities

UNTOLD = (
    "Products were not shown at several positions, or not enough to compare all of them: how much a position counts is "
    "a guess. Interleaving moves products."
)
_COVERED, _CLICKS, _CLIPPED, _ASKED = 0.95, 100, 0.05, 0.5


def doubts(found: Counterfactual, searches: int) -> Iterator[str]:
    """About one order. `searches`: how many could have it."""
    if found.covered < _COVERED:
        yield (
            f"{1 - found.covered:.0%} of what users would look at was never shown to them. IPS takes it to be never "
            "clicked, SNIPS to be as attractive as the rest; nothing in the log says which."
        )
    if found.effective_clicks < _CLICKS:
        yield f"It rests on {found.effective_clicks:.0f} effective clicks: too few for its interval to hold."
    if found.ips.value and found.clipped.value < (1 - _CLIPPED) * found.ips.value:
        yield "A few clicks at places where hardly anybody looks make much of it: clipping their weights changes it."
    if found.searches < _ASKED * searches:
        yield f"It is about {found.searches:,} of {searches:,} searches, those of queries that it has."


def general_doubts(estimator: Estimator, perplexity: Perplexities) -> Iterator[str]:
    """About every order."""
    if estimator.separate_ranks > 1:
        yield UNTOLD
    if perplexity and perplexity["cascade"] < perplexity["position"]:
        yield (
            "These users read from the top and stop (cascade), and do not look at each position with a probability of "
            "its own, as these estimates assume."
        )
