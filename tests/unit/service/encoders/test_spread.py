"""Rows on all cores: the same output as of one pass, in parts that are as even as they can be."""

import multiprocessing
import threading

import pytest
import torch
from torch import Tensor

from service.encoders.compiled.spread import Spread


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("rows", [1, 2, 3, 7, 20])
def test_parts_give_what_the_whole_pass_gives(rows: int, threads: int) -> None:
    seen: list[int] = []

    def add(first: Tensor, second: Tensor) -> Tensor:
        seen.append(len(first))
        return first + second

    first, second = torch.randn(rows, 4), torch.randn(rows, 4)
    assert torch.equal(Spread(add, 2, threads)(first, second), first + second)
    assert sum(seen) == rows
    assert max(seen) <= 2
    assert len(seen) == rows or len(seen) % threads == 0  # no thread idles while others take a second part


def test_parts_are_computed_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=30)

    def meet(rows: Tensor) -> Tensor:
        both.wait()
        return rows

    assert len(Spread(meet, 1, threads=2)(torch.zeros(2, 1))) == 2


def test_what_a_part_raises_is_raised() -> None:
    def fail(rows: Tensor) -> Tensor:
        raise ValueError(f"no pass of {len(rows)}")

    with pytest.raises(ValueError, match="no pass of 1"):
        Spread(fail, 1, threads=2)(torch.zeros(2, 1))


def _double(rows: Tensor) -> Tensor:
    return rows * 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_has_threads_of_its_own() -> None:
    spread = Spread(_double, 1, threads=2)
    assert spread(torch.ones(2, 1)).sum() == 4
    context = multiprocessing.get_context("fork")
    sums = context.SimpleQueue()
    child = context.Process(target=lambda: sums.put(float(spread(torch.ones(2, 1)).sum())))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert sums.get() == 4.0
