"""Device and dtype of a model: names from the settings → torch objects.

Most commands import this module and load no model, so it imports torch, which takes a second, when it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from service.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

DtypeName = Literal["auto", "float32", "bfloat16", "float16"]
_KINDS = ("cpu", "cuda", "mps")


def resolve_device(name: str) -> torch.device:
    """The device called `name`: `auto`, `cpu`, `mps`, `cuda` or one card of several as `cuda:1`.

    `auto` takes CUDA, then MPS, then the CPU. Raises `ConfigurationError` if the name is unknown or this
    machine has no such device.
    """
    import torch  # noqa: PLC0415 (see above)

    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if _count(kind)))
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise _unknown_device(name) from error
    if device.type not in _KINDS:
        raise _unknown_device(name)
    if not (device.index or 0) < _count(device.type):
        raise ConfigurationError(
            f"This machine has no device {name!r} that torch can use. Use 'auto' or 'cpu', or install the torch "
            "build that fits the card (https://pytorch.org/get-started/locally)."
        )
    return device


def resolve_dtype(name: DtypeName, device: torch.device) -> torch.dtype:
    """The dtype called `name`; `auto` is float32 on CPU and MPS, bfloat16 or else float16 on CUDA.

    Most CPUs compute slower in half precision than in float32, so it is never chosen there by default. Raises
    `ConfigurationError` for an unknown name.
    """
    import torch  # noqa: PLC0415 (see above)

    if name not in get_args(DtypeName):
        known = ", ".join(get_args(DtypeName))
        raise ConfigurationError(f"There is no dtype {name!r} for models. Take one of: {known}.")
    if name != "auto":
        dtype: torch.dtype = getattr(torch, name)
        return dtype
    if device.type != "cuda":
        return torch.float32
    # Cards before Ampere (compute capability 8.0) only emulate bfloat16.
    return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16


def _count(kind: str) -> int:
    """How many devices of a kind torch can use here."""
    import torch  # noqa: PLC0415 (see above)

    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    return int(torch.backends.mps.is_available()) if kind == "mps" else 1


def _unknown_device(name: str) -> ConfigurationError:
    return ConfigurationError(f"There is no device {name!r} for models. Use auto, cpu, cuda, cuda:N or mps.")
