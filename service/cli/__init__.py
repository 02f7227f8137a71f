"""The command line, `withthis`; `commands` lists what there is."""

from service.cli.main import app, main

__all__ = ["app", "main"]
