"""The command line: `withthis index FEED`, `serve`, `search`, `doctor`, `demo`."""

from service.cli.main import app, main

__all__ = ["app", "main"]
