"""Variety among the results: maximal marginal relevance (MMR).

Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries",
SIGIR 1998: of the products R \\ S that are not yet placed, the next one is

    argmax  λ · Sim1(d, query) - (1 - λ) · max over placed s of Sim2(d, s)

MMR comes after the reranker and before the rules: a reranker orders by relevance alone and would undo it, and what a
merchandiser pins stays in its place. So Sim1 is what the final order says of relevance: the product at place k has the
k-th highest cosine of those found, whatever gave it that place, and λ = 1 leaves every order as it is. Sim2 is the
cosine of two products. Both are scaled to the interval [0, 1] over the products at hand: a query and a product are much
less alike than two products (Liang et al., "Mind the Gap: Understanding the Modality Gap", NeurIPS 2022), and a λ of
0.5 is to mean that both count the same for every encoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.errors import InvalidValue
from service.search.retrieval_types import DiversityOptions
from service.stores.store import Hit, Vector

Numbers = npt.NDArray[np.floating]

MOST = 1000
"""Products that are compared with each other; further ones follow as they are."""

OUT_OF_RANGE = "diversity.lambda must be between 0 (variety alone) and 1 (relevance alone)."


def check_diversity(options: DiversityOptions | None) -> None:
    """Raise InvalidValue for a λ that is none."""
    if options is not None and not 0 <= options.balance <= 1:
        raise InvalidValue(OUT_OF_RANGE, errors=[{"pointer": "/diversity/lambda", "detail": OUT_OF_RANGE}])


@dataclass(frozen=True, slots=True)
class Diversity:
    """`balance`: λ. `vectors`: of the products, by their ids, each [dimension] and L2-normalized."""

    balance: float
    vectors: Mapping[str, Vector]

    def order(self, hits: Sequence[Hit]) -> list[int]:
        """Positions in `hits`, which come in order of relevance, each once; those without a vector stay behind."""
        known = [place for place, hit in enumerate(hits) if hit.product_id in self.vectors][:MOST]
        if not known:
            return list(range(len(hits)))
        vectors = np.stack([self.vectors[hits[place].product_id] for place in known])
        scores = np.array(sorted((hits[place].score for place in known), reverse=True))
        chosen = [known[place] for place in mmr(scores, vectors @ vectors.T, self.balance)]
        return chosen + sorted(set(range(len(hits))) - set(chosen))


def mmr(relevance: Numbers, similarity: Numbers, balance: float) -> list[int]:
    """All places by MMR. `relevance`: [n], descending; `similarity`: [n, n] of each pair; equals keep their order."""
    pairs = similarity[~np.eye(len(relevance), dtype=np.bool_)]
    gain = balance * _scaled(relevance, relevance)
    likeness = (1 - balance) * _scaled(similarity, pairs)
    nearest = np.zeros(len(relevance))
    left, order = np.ones(len(relevance), np.bool_), list[int]()
    for _ in range(len(relevance)):
        best = int(np.argmax(np.where(left, gain - nearest, -np.inf)))
        order.append(best)
        left[best] = False
        nearest = np.maximum(nearest, likeness[best])
    return order


def _scaled(values: Numbers, counted: Numbers) -> Numbers:
    """Values between 0 and 1, by the least and the greatest of those counted; all 0 if these are the same."""
    low, high = (float(counted.min()), float(counted.max())) if counted.size else (0.0, 0.0)
    return np.clip((values - low) / (high - low), 0, 1) if high > low else np.zeros_like(values)
