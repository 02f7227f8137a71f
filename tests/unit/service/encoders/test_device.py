"""Names of devices and number types."""

import pytest
import torch

from service.encoders.device import resolve_device, resolve_dtype
from service.errors import ConfigurationError

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


def machine(monkeypatch: pytest.MonkeyPatch, *, cards: int = 0, mps: bool = False, capability: int = 8) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (capability, 0))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


def test_auto_takes_the_best_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for options, expected in (({}, CPU), ({"mps": True}, MPS), ({"mps": True, "cards": 1}, CUDA)):
        machine(monkeypatch, **options)
        assert resolve_device("auto") == expected


def test_one_card_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, cards=2)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ConfigurationError, match="no device 'cuda:2'"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("name", ["cuda", "mps", "cpu:3"])
def test_devices_that_are_not_here(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    machine(monkeypatch)
    with pytest.raises(ConfigurationError, match=f"no device '{name}'.*'auto' or 'cpu'"):
        resolve_device(name)


@pytest.mark.parametrize("name", ["gpu", "xpu", "meta", "", "cuda:x"])
def test_unknown_devices(name: str) -> None:
    with pytest.raises(ConfigurationError, match="Use auto, cpu, cuda, cuda:N or mps"):
        resolve_device(name)


def test_number_types(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, cards=1, capability=8)
    assert resolve_dtype("float16", CPU) == torch.float16
    assert resolve_dtype("auto", CPU) == resolve_dtype("auto", MPS) == torch.float32
    assert resolve_dtype("auto", CUDA) == torch.bfloat16
    machine(monkeypatch, cards=1, capability=7)
    assert resolve_dtype("auto", CUDA) == torch.float16
    with pytest.raises(ConfigurationError, match="auto, float32, bfloat16, float16"):
        resolve_dtype("int8", CPU)  # type: ignore[arg-type]
