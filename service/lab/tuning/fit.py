"""Training of an adapter: listwise softmax over each query's pool, stopped where unseen queries gain no more.

A grade g counts as 2^g - 1 (Burges et al., ICML 2005): the many that are barely relevant must not outweigh the best.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from service.lab.tuning.examples import NONE, Examples
from service.search.query_adapter import QueryAdapter

RANK = 8
MOST_EPOCHS = 60
PATIENCE = 8
BATCH = 64
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-2
TEMPERATURE = 0.05
"""The first one; it is learned."""
_NOWHERE = -1e4
"""Below every cosine, and finite: the temperature's gradient multiplies it by 0."""
ALL_COMPARED = 4096
"""Up to so many documents, comparing a batch with all of them takes less time than to bring together its pools."""
CUTOFF = 10
"""Of the nDCG that decides when to stop."""


def fit(seen: Examples, unseen: Examples, *, rank: int = RANK, seed: int = 0) -> int:
    """The number of epochs on `seen` after which the mean nDCG of `unseen` is best; 0: it never gets better."""
    model = _Model(seen.queries.shape[1], rank, seed)
    best = (_ndcg(model, unseen), 0)  # before the first epoch, it changes nothing
    for epoch in range(1, MOST_EPOCHS + 1):
        model.epoch(seen, epoch)
        best = max(best, (_ndcg(model, unseen), -epoch))
        if epoch + best[1] >= PATIENCE:
            break
    return -best[1]


def train(seen: Examples, epochs: int, *, rank: int = RANK, seed: int = 0) -> QueryAdapter:
    """An adapter after so many epochs; after none, it changes nothing."""
    model = _Model(seen.queries.shape[1], rank, seed)
    for epoch in range(1, epochs + 1):
        model.epoch(seen, epoch)
    return model.adapter()


class _Model:
    """The adapter in training, and the temperature of its softmax (ListNet, Cao et al., ICML 2007)."""

    def __init__(self, dimension: int, rank: int, seed: int) -> None:
        self._seed = seed
        generator = torch.Generator().manual_seed(seed)
        self.down = torch.randn(rank, dimension, generator=generator).div_(math.sqrt(dimension)).requires_grad_()
        self.up = torch.zeros(dimension, rank, requires_grad=True)
        self.shift = torch.zeros(dimension, requires_grad=True)
        self._log_temperature = torch.tensor(math.log(TEMPERATURE), requires_grad=True)
        parts = [
            {"params": [self.down, self.up, self.shift], "weight_decay": WEIGHT_DECAY},
            {"params": [self._log_temperature], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(parts, lr=LEARNING_RATE)

    def epoch(self, seen: Examples, number: int) -> None:
        """Every example once, in an order by seed."""
        order = np.random.default_rng([self._seed, number]).permutation(len(seen.units))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            gains = torch.exp2(torch.from_numpy(seen.gains[rows])) - 1
            scores = self.scores(seen, rows) / self._log_temperature.exp()
            target = gains / gains.sum(1, keepdim=True)
            loss = -(target * torch.log_softmax(scores, 1).masked_fill(target == 0, 0.0)).sum(1).mean()
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()

    def scores(self, examples: Examples, rows: NDArray[np.int64]) -> torch.Tensor:
        """Cosines of the documents of the pools, [n, size]; `_NOWHERE` where there is none."""
        pools = torch.from_numpy(examples.pools[rows])
        places, vectors = pools.clamp(min=0), torch.from_numpy(examples.queries[rows])
        moved = vectors + vectors @ self.down.T @ self.up.T + self.shift
        moved = torch.nn.functional.normalize(moved, dim=1)
        documents = torch.from_numpy(examples.documents)
        if len(documents) <= ALL_COMPARED:
            found = (moved @ documents.T).gather(1, places)
        else:
            found = torch.einsum("nd,nsd->ns", moved, documents[places])
        return found.masked_fill(pools == NONE, _NOWHERE)

    def adapter(self) -> QueryAdapter:
        """What was learned."""
        down, up, shift = (part.detach().numpy().copy() for part in (self.down, self.up, self.shift))
        return QueryAdapter(down, up, shift)


@torch.no_grad()
def _ndcg(model: _Model, examples: Examples) -> float:
    """The mean nDCG of the pools by cosine."""
    found = []
    for start in range(0, len(examples.units), BATCH):
        rows = np.arange(start, min(start + BATCH, len(examples.units)))
        gains = torch.from_numpy(examples.gains[rows])
        order = model.scores(examples, rows).argsort(dim=1, descending=True, stable=True)[:, :CUTOFF]
        discounts = 1 / torch.log2(torch.arange(2, order.shape[1] + 2, dtype=torch.float32))
        best = gains.sort(1, descending=True).values[:, :CUTOFF]
        found += ((gains.gather(1, order) * discounts).sum(1) / (best * discounts).sum(1)).tolist()
    return float(np.mean(found)) if found else 0.0
