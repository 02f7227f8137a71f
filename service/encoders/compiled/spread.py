"""Rows of a batch on all cores: parts of it go through a pass at the same time, on one thread each.

That takes less of the processor than one pass of all rows on all threads, which wait for each other behind every
operation, and it does not stand still where one of the cores has other work. A part of few rows also stays in a core's
cache. What is left out is one row on several cores: it would take less time, and more of the processor.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from torch import Tensor

from service.encoders.compiled.choice import Pass


@dataclass(frozen=True, slots=True)
class Spread:
    """A pass that sees at most `rows` rows at once, on each of `threads` threads; `whole` computes on one."""

    whole: Pass
    rows: int
    threads: int = field(default_factory=torch.get_num_threads)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """What the whole pass gives for inputs of equally many rows, at least one. Not for use within a pass."""
        count = self._parts(len(inputs[0]))
        if count == 1:
            return self.whole(*inputs)
        parts = [torch.tensor_split(one, count) for one in inputs]
        run = map if self.threads == 1 else shared_threads(self.threads).map
        return torch.from_numpy(np.concatenate([output.numpy() for output in run(self.whole, *parts)]))

    def _parts(self, rows: int) -> int:
        """As few rounds as possible, of parts on all threads."""
        rounds = -(-rows // (self.rows * self.threads))
        return min(rows, rounds * self.threads)


@cache
def shared_threads(count: int) -> ThreadPoolExecutor:
    """Those that all passes of the process share, which then do not take cores from each other."""
    return ThreadPoolExecutor(count, thread_name_prefix="compiled")


os.register_at_fork(after_in_child=shared_threads.cache_clear)  # a fork has none of its parent's threads
