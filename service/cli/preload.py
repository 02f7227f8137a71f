"""Imported by the fork server alone, by its name: what the workers that are forked from it share.

That is the code of all libraries, and models where these survive a fork. A fault is left to the workers: they meet it,
too, and say so.
"""

from __future__ import annotations

import gc
import os
import signal
from contextlib import suppress

from service.cli.signals import ending_signals


def outlive_signals() -> None:
    """What a terminal or a service manager sends to all processes ends the supervisor, which ends the workers; they
    themselves take signals as if there were no fork server.
    """
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ending_signals()}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    os.register_at_fork(after_in_child=restore)


def load() -> None:
    """Raises whatever is wrong with the settings or a model."""
    from service.build import open_store  # noqa: PLC0415 (takes seconds, in which signals may come)
    from service.cli.shared_models import load_shared  # noqa: PLC0415 (likewise)
    from service.cli.worker import shared_out  # noqa: PLC0415 (likewise)
    from service.settings import load_settings  # noqa: PLC0415 (likewise)

    settings = shared_out(load_settings())
    open_store(settings)  # brings its libraries, and connects to nothing
    load_shared(settings)


outlive_signals()
with suppress(Exception):  # declared fault boundary: an exception would end the fork server, and all workers
    load()
gc.collect()
gc.freeze()  # else the first collection of each worker writes to all pages
