"""Which click model describes a log, and how well: by the clicks of users that it has not seen.

Perplexity (Dupret & Piwowarski, SIGIR 2008): 2 to the power of the mean surprise in bits of an impression, clicked or
not. 1 is perfect, 2 is a coin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from service.lab.clicks import cascade, coec, position_based
from service.lab.clicks.attractiveness import Attractiveness
from service.lab.clicks.cells import counted
from service.lab.clicks.click_log import ClickLog

ModelName = Literal["position", "cascade", "coec"]
Perplexities = Mapping[ModelName, float]
MODELS: tuple[ModelName, ...] = get_args(ModelName)

_FIFTH = 5
_LEAST_USERS = 100
"""With fewer, nothing is held back, and the position-based model is taken."""


@dataclass(frozen=True)
class FittedModel:
    """A click model of a log. `parameters`: what it found of the users; `perplexity`: of each model, on unseen users,
    empty where it was not measured. `separate_ranks`: see `position_based.separate_ranks`.
    """

    name: ModelName
    found: Attractiveness
    parameters: Mapping[str, object]
    perplexity: Perplexities
    separate_ranks: int


def fit_model(log: ClickLog, name: ModelName | None = None) -> FittedModel:
    """Fit the named model; without a name the better one of the position-based and the cascade model."""
    perplexity = perplexities(log) if name is None else {}
    chosen = name or _better(perplexity)
    cells, pairs, ranks = counted(log), len(log.pair_query), int(log.rank.max(initial=0)) + 1
    separate = position_based.separate_ranks(cells, pairs, ranks)
    if chosen == "cascade":
        chain = cascade.fit(log)
        parameters: dict[str, object] = {"satisfaction": chain.satisfaction, "persistence": chain.persistence}
        return FittedModel(chosen, chain.found, parameters, perplexity, separate)
    if chosen == "coec":
        return FittedModel(chosen, coec.fit(cells, pairs, ranks), {}, perplexity, separate)
    by_rank = position_based.fit(cells, pairs, ranks)
    parameters = {"examination": by_rank.examination.tolist()}
    return FittedModel(chosen, by_rank.found, parameters, perplexity, separate)


def _better(perplexity: Perplexities) -> ModelName:
    return "cascade" if perplexity and perplexity["cascade"] < perplexity["position"] else "position"


def perplexities(log: ClickLog) -> Perplexities:
    """Of the position-based and the cascade model, fitted to four fifths of the users, on the others. Empty for fewer
    than a hundred users, which tell little.
    """
    held = log.users % _FIFTH == 0
    seen, unseen = log.of_searches(~held), log.of_searches(held)
    if len(np.unique(unseen.users)) < _LEAST_USERS // _FIFTH or not seen.clicked.any() or not len(unseen.pair):
        return {}
    pairs, ranks = len(log.pair_query), int(log.rank.max(initial=0)) + 1
    by_rank = position_based.fit(counted(seen), pairs, ranks)
    expected = np.clip(by_rank.expected(unseen.pair, unseen.rank), 1e-9, 1 - 1e-9)
    likelihood = float(np.where(unseen.events != 0, np.log(expected), np.log1p(-expected)).sum())
    chain = cascade.fit(seen).log_likelihood(unseen)
    impressions = len(unseen.pair)
    return {"position": float(np.exp(-likelihood / impressions)), "cascade": float(np.exp(-chain / impressions))}
