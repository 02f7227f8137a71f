"""Models that workers share because they were loaded before the workers were forked."""

from __future__ import annotations

import torch

from service.build import Models, load_models
from service.settings import Settings
from service.support.arenas import give_back, share_arenas

_BUNDLED = "starter"
_shared: list[Models] = []


def shared_models() -> Models | None:
    """What was loaded before this process was forked; None where it has to load its own."""
    return _shared[0] if _shared else None


def load_shared(settings: Settings) -> None:
    """Load what `shared_models` gives from now on. `settings`: a worker's. Raises as `load_models`."""
    if survive_a_fork(settings):
        share_arenas()
        torch.set_num_threads(1)
        _shared[:] = [load_models(settings)]
        give_back()


def survive_a_fork(settings: Settings) -> bool:
    """Whether models may be loaded before a worker is forked: the bundled ones, if each worker has one thread.

    Threads by which a model computes would be missing in the worker, and CUDA refuses to be forked.
    """
    bundled = settings.encoder.name == _BUNDLED and settings.engine_name in (None, _BUNDLED)
    return bundled and settings.encoder.torch_threads == 1
