"""What workers share because it is loaded before they are forked: the code of all libraries, and some models.

A fork has the thread that forked and no other, so nothing here may start threads that are needed later, compute on
several or open a connection.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from service.cli.worker import Build
from service.settings import Settings
from service.support import garbage

if TYPE_CHECKING:
    from service.build import Models
    from service.server.state import ServiceState

METHOD = "fork" if sys.platform == "linux" else "spawn"
"""How workers are started, by its name in `multiprocessing`: libraries of other systems may not survive a fork."""
_BUNDLED = "starter"


def load_shared(settings: Settings) -> Build:
    """Load what workers with these settings can share; what makes the rest in each. Raises as `load_models`."""
    if METHOD != "fork":
        return build_worker
    with garbage.paused():
        import service.cli.serving  # noqa: F401, PLC0415 (a supervisor that does not fork needs none of it)
        from service.build import open_store  # noqa: PLC0415 (as above)
        from service.support.arenas import give_back, share_arenas  # noqa: PLC0415 (as above)

        share_arenas()
        open_store(settings).close()  # brings its libraries, and connects to nothing
        models = _load_models(settings)
        give_back()
        garbage.resume()  # and never look through what is there: that would write to all pages
    return partial(build_worker, models=models)


def _load_models(settings: Settings) -> Models | None:
    """Those that survive a fork, or only torch for others that will need it."""
    from service.build import ENCODERS, load_models  # noqa: PLC0415 (as above)

    encoder = ENCODERS.get(settings.encoder.name)
    if encoder is None or encoder.is_remote:
        return None
    import torch  # noqa: PLC0415 (not needed where models are on servers)

    if not survive_a_fork(settings):
        return None
    torch.set_num_threads(1)
    return load_models(settings)


def build_worker(settings: Settings, models: Models | None = None) -> ServiceState:
    """The parts of one worker, which loads the models that are not given. Raises as `build_service`."""
    from service.build import build_service  # noqa: PLC0415 (as above)

    return build_service(settings, models)


def survive_a_fork(settings: Settings) -> bool:
    """Whether models may be loaded before a worker is forked: the bundled ones, if each worker has one thread.

    Threads by which a model computes would be missing in the worker, and CUDA refuses to be forked.
    """
    bundled = settings.encoder.name == _BUNDLED and settings.engine_name in (None, _BUNDLED)
    return bundled and settings.encoder.torch_threads == 1


def shared_out(settings: Settings) -> Settings:
    """The settings with the machine's cores shared out among the workers, unless `torch_threads` says otherwise."""
    if settings.encoder.torch_threads is not None:
        return settings
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return settings.model_copy(update={"torch_threads": max(1, cores // settings.server.workers)})
