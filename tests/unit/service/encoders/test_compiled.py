"""Compiled passes: they compute what the module does, or the module does it."""

import logging
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from service.encoders.compiled import choice
from service.encoders.compiled.cache import exported
from service.encoders.compiled.choice import compiled
from service.encoders.compiled.export import export
from service.encoders.compiled.graph import CompiledPass

LONG = "a" * 130
"""The length of a name is written in two bytes from 128 on."""


class Small(nn.Module):
    """Parameters of equal values, one with a long name, a buffer that is in no checkpoint; free batch and length."""

    table: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(6), nn.LayerNorm(6)
        self.linear = nn.Linear(6, 6)
        self.register_parameter(LONG, nn.Parameter(torch.ones(6)))
        self.register_buffer("table", torch.ones(6), persistent=False)
        self.unused = nn.Linear(6, 6)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """[n, t, 6], mask [n, t] → [n, 6]."""
        seen: Tensor = self.second(self.linear(self.first(tokens))) * getattr(self, LONG) + self.table
        return (seen * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)


def inputs(rows: int, length: int) -> tuple[Tensor, Tensor]:
    mask = torch.ones(rows, length)
    mask[-1, -1] = 0
    return torch.randn(rows, length, 6), mask


@pytest.fixture(scope="module")
def graph() -> bytes:
    """Exported before the weights are known."""
    return export(Small().eval(), inputs(2, 4), [{0: "n", 1: "t"}] * 2)


@pytest.fixture
def module() -> Small:
    """Other weights than those that the graph was exported from."""
    small = Small().eval().requires_grad_(False)
    for weight in [*small.parameters(), small.table]:
        weight.normal_()
    return small


@pytest.mark.parametrize(("rows", "length"), [(1, 3), (2, 4), (5, 9)])
def test_a_graph_computes_the_same_with_other_weights_and_lengths(
    graph: bytes, module: Small, rows: int, length: int
) -> None:
    found = compiled(module, lambda: graph, inputs(1, 2), backend="auto", name="small")
    assert isinstance(found, CompiledPass)
    given = inputs(rows, length)
    assert torch.allclose(found(*given), module(*given), atol=1e-5)


def test_weights_can_be_freed(graph: bytes, module: Small) -> None:
    found = compiled(module, lambda: graph, inputs(1, 2), backend="auto", name="small")
    given = inputs(3, 5)
    expected = module(*given)
    for weight in [*module.parameters(), module.table]:
        weight.zero_()
    assert torch.allclose(found(*given), expected, atol=1e-5)


def test_a_graph_holds_no_weights(graph: bytes) -> None:
    assert len(graph) < 10_000
    with pytest.raises(Exception, match=r"(?i)external"):
        CompiledPass(graph, {})


def _missing() -> bytes:
    raise FileNotFoundError("no graph")


def test_torch_computes_what_cannot_be_compiled(
    graph: bytes, module: Small, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, choice.__name__):
        for read in (_missing, lambda: graph[:100], lambda: b""):
            assert compiled(module, read, inputs(1, 2), backend="auto", name="small") is module
        monkeypatch.delitem(sys.modules, "service.encoders.compiled.graph")
        monkeypatch.delitem(sys.modules, "service.encoders.compiled.runtime")
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        assert compiled(module, lambda: graph, inputs(1, 2), backend="auto", name="small") is module
    assert [record.getMessage().startswith("small runs on torch") for record in caplog.records] == [True] * 4


def test_torch_computes_what_a_graph_computes_otherwise(
    graph: bytes, module: Small, caplog: pytest.LogCaptureFixture
) -> None:
    module.first.eps = 0.1  # part of the graph, not a weight
    with caplog.at_level(logging.WARNING, choice.__name__):
        assert compiled(module, lambda: graph, inputs(1, 2), backend="auto", name="small") is module
    assert "differs" in caplog.text


def test_torch_computes_where_it_is_asked_for(module: Small) -> None:
    assert compiled(module, _missing, inputs(1, 2), backend="torch", name="small") is module


def test_a_graph_is_exported_once(
    module: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    axes = [{0: "n", 1: "t"}] * 2
    first = exported(module, inputs(2, 4), axes, "eps 1e-5")
    (kept,) = (tmp_path / "withthis" / "graphs").iterdir()
    assert kept.read_bytes() == first
    kept.write_bytes(b"what is there is taken")
    assert exported(module, inputs(2, 4), axes, "eps 1e-5") == b"what is there is taken"
    assert len(exported(module, inputs(2, 4), axes, "eps 1e-6")) == len(first)


def test_what_is_not_exported_yet_needs_an_extra(
    module: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "service.encoders.compiled.export")
    monkeypatch.setitem(sys.modules, "onnx", None)
    graph = partial(exported, module, inputs(2, 4), [{0: "n", 1: "t"}] * 2, None)
    assert compiled(module, graph, inputs(1, 2), backend="auto", name="small") is module
    assert "pip install 'withthis[compiled]'" in caplog.text


def test_a_graph_is_exported_where_nothing_can_be_cached(
    module: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert exported(module, inputs(2, 4), [{0: "n", 1: "t"}] * 2, None)
    assert "cannot be cached" in caplog.text
